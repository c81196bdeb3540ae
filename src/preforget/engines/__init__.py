"""How records are learned and scored: one file per engine, the same interface.

`Isolated`, `Exact` and `Paper` are the options of the three engines; `ENGINES` holds all engines by name, those of
installed extensions too. An engine of your own is a class entered by `@ENGINES.register("name")`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from preforget.core.lazy import lazily

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

__getattr__, __dir__ = lazily(
    __name__,
    {
        "ENGINES": ".registry",
        "Engine": ".base",
        "EngineOptions": ".options",
        "Exact": ".options",
        "Isolated": ".options",
        "Paper": ".options",
        "PromptEngine": ".prompted",
        "Scores": ".base",
        "Session": ".base",
        "choices": ".registry",
        "for_multilabel": ".registry",
    },
)
