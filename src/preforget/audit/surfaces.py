"""Opens a model for white-box attacks: which of the two ways its classes go."""

from __future__ import annotations

from typing import Any

from preforget.audit.beside import BesideSurface
from preforget.audit.surface import Files
from preforget.audit.within import WithinSurface
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import UsageError
from preforget.engines import ExactEngine, IsolatedEngine, PaperEngine
from preforget.engines.paper import LORA


def surface_of(model: Any) -> Files:
    """Return the open weights of one of our models, or what a foreign model's own `surface()` gives.

    Raises `UsageError` for a model that has neither, or with several labels per input.
    """
    if not isinstance(model, PreForgettableClassifier):
        if not hasattr(model, "surface"):
            raise UsageError(
                f"{type(model).__name__} can't be opened for white-box attacks: give it a method surface() that "
                "returns one (audit.surface.Files), or choose attacks that need scores alone"
            )
        opened: Files = model.surface()
        return opened
    engine = model.engine
    if isinstance(engine, (IsolatedEngine, ExactEngine)) and not engine.several:
        return BesideSurface(engine)
    if isinstance(engine, PaperEngine):
        bank, slots = engine.bank, engine.bank.slots(engine.bank.attached)
        own = {name: bank.packed[name][slots] for name in engine.learned_shapes()}
        return WithinSurface(
            engine.encoder,
            tuple(bank.attached),
            {**own, **engine.shared_tensors()},
            LORA,
            first_block=engine.config.first_block,
            final_norm=engine.config.final_norm,
            stored={**bank.packed, **engine.shared_tensors()},
        )
    raise UsageError(f"attacks on open weights know no engine {engine.name!r}; they need one label per input")
