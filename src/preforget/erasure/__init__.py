"""Forgetting: records are destroyed on disk and in memory, and what happened is reported."""

from preforget.erasure.forget import Erasure, forget, forget_in_folder
from preforget.erasure.plan import plan, unit_bank

__all__ = ["Erasure", "forget", "forget_in_folder", "plan", "unit_bank"]
