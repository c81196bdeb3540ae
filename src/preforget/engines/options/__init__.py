"""Options of engines, one file per engine; nothing here imports torch, so that the command line starts fast."""

from preforget.engines.options.base import DEFAULT_ENGINE, OPTIONS, EngineOptions
from preforget.engines.options.exact import Exact
from preforget.engines.options.isolated import Isolated
from preforget.engines.options.paper import Paper

__all__ = ["DEFAULT_ENGINE", "OPTIONS", "EngineOptions", "Exact", "Isolated", "Paper"]
