"""How records are learned and scored: one file per engine, the same interface."""

from preforget.engines.base import Engine
from preforget.engines.exact import ExactEngine
from preforget.engines.isolated import IsolatedEngine
from preforget.engines.paper import PaperEngine

ENGINES: dict[str, type[Engine]] = {
    "isolated": IsolatedEngine,
    "exact": ExactEngine,
    "paper": PaperEngine,
}

__all__ = ["ENGINES", "Engine", "ExactEngine", "IsolatedEngine", "PaperEngine"]
