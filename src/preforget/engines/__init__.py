"""How records are learned and scored: one file per engine, the same interface.

`Isolated`, `Exact` and `Paper` are the options of the three engines; `ENGINES` holds all engines by name, those of
installed extensions too. An engine of your own is a class entered by `@ENGINES.register("name")`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from preforget.engines.base import Engine, Scores, Session
    from preforget.engines.options import EngineOptions, Exact, Isolated, Paper
    from preforget.engines.prompted import PromptEngine
    from preforget.engines.registry import ENGINES, choices, for_multilabel

__all__ = [
    "ENGINES",
    "Engine",
    "EngineOptions",
    "Exact",
    "Isolated",
    "Paper",
    "PromptEngine",
    "Scores",
    "Session",
    "choices",
    "for_multilabel",
]

_MODULES = {
    "ENGINES": "registry",
    "Engine": "base",
    "EngineOptions": "options",
    "Exact": "options",
    "Isolated": "options",
    "Paper": "options",
    "PromptEngine": "prompted",
    "Scores": "base",
    "Session": "base",
    "choices": "registry",
    "for_multilabel": "registry",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has: {', '.join(__all__)}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names alone."""
    return list(__all__)
