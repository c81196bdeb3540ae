"""Classifiers on a frozen encoder that can forget a class at once, and prove it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from preforget.core.abstain import ABSTAIN
from preforget.core.version import __version__

if TYPE_CHECKING:
    from preforget.backbones import load_backbone
    from preforget.classifier import PreForgettableClassifier
    from preforget.core.errors import PreforgetError
    from preforget.data import load_data

__all__ = [
    "ABSTAIN",
    "PreForgettableClassifier",
    "PreforgetError",
    "__version__",
    "load_backbone",
    "load_data",
]

_WHERE = {
    "PreForgettableClassifier": "preforget.classifier",
    "PreforgetError": "preforget.core.errors",
    "load_backbone": "preforget.backbones",
    "load_data": "preforget.data",
}


def __getattr__(name: str) -> Any:
    """Import what is heavy only when it is asked for, so that the command line starts fast."""
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
