"""The classifier: learn, answer, forget, save."""

from preforget.classifier.public import PreForgettableClassifier

__all__ = ["PreForgettableClassifier"]
