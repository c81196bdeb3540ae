"""The classifier: learn, answer, forget, save."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preforget.core.lazy import lazily

if TYPE_CHECKING:
    from preforget.classifier.public import PreForgettableClassifier

__all__ = ["PreForgettableClassifier"]

__getattr__, _ = lazily(__name__, {"PreForgettableClassifier": ".public"})
