"""How records are learned and scored: one file per engine, the same interface."""

from preforget.core.errors import UsageError
from preforget.engines.base import Engine
from preforget.engines.exact import ExactEngine
from preforget.engines.isolated import IsolatedEngine
from preforget.engines.multilabel_exact import MultilabelExactEngine
from preforget.engines.multilabel_isolated import MultilabelIsolatedEngine
from preforget.engines.paper import PaperEngine

ENGINES: dict[str, type[Engine]] = {
    "isolated": IsolatedEngine,
    "exact": ExactEngine,
    "paper": PaperEngine,
    "isolated-multilabel": MultilabelIsolatedEngine,
    "exact-multilabel": MultilabelExactEngine,
    # as folders of earlier versions call them
    "isolated-several": MultilabelIsolatedEngine,
    "exact-several": MultilabelExactEngine,
}

CHOICES = ["exact", "isolated", "paper"]
"""What users choose among; data with several labels per input take the multilabel engine of the same name."""


def for_multilabel(engine: Engine) -> Engine:
    """Return an engine that has learned nothing, for several labels per input; raises `UsageError` if there is none."""
    if engine.multilabel:
        return engine
    kind = ENGINES.get(f"{engine.name}-multilabel")
    if kind is None:
        raise UsageError(
            f"the {engine.name} engine learns one label per input; for several choose isolated or exact"
        )
    return kind(engine.encoder, engine.config)


__all__ = [
    "CHOICES",
    "ENGINES",
    "Engine",
    "ExactEngine",
    "IsolatedEngine",
    "MultilabelExactEngine",
    "MultilabelIsolatedEngine",
    "PaperEngine",
    "for_multilabel",
]
