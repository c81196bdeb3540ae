"""Forgetting: records are destroyed on disk and in memory, and a signed receipt says what happened."""

from preforget.erasure.forget import Erasure, forget, forget_in_folder
from preforget.erasure.opening import open_folder, restore
from preforget.erasure.plan import engine_of, plan

__all__ = ["Erasure", "engine_of", "forget", "forget_in_folder", "open_folder", "plan", "restore"]
