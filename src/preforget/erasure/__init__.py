"""Forgetting: a record is destroyed on disk and in memory, and what happened is reported."""

from preforget.erasure.forget import Erasure, forget_class, forget_in_folder

__all__ = ["Erasure", "forget_class", "forget_in_folder"]
