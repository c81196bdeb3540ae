"""How records are learned and scored: one file per engine, the same interface."""

from preforget.core.errors import UsageError
from preforget.engines.base import Engine
from preforget.engines.exact import ExactEngine
from preforget.engines.isolated import IsolatedEngine
from preforget.engines.paper import PaperEngine
from preforget.engines.several_exact import SeveralExactEngine
from preforget.engines.several_isolated import SeveralIsolatedEngine

ENGINES: dict[str, type[Engine]] = {
    "isolated": IsolatedEngine,
    "exact": ExactEngine,
    "paper": PaperEngine,
    "isolated-several": SeveralIsolatedEngine,
    "exact-several": SeveralExactEngine,
}

CHOICES = sorted(name for name in ENGINES if not name.endswith("-several"))
"""What users choose among; data with several labels per input take the engine of the same name for several."""


def for_several(engine: Engine) -> Engine:
    """Return an engine that has learned nothing, for several labels per input; raises `UsageError` if there is none."""
    if engine.several:
        return engine
    kind = ENGINES.get(f"{engine.name}-several")
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
    "PaperEngine",
    "SeveralExactEngine",
    "SeveralIsolatedEngine",
    "for_several",
]
