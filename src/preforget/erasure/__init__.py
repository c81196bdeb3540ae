"""Forgetting: records are destroyed on disk and in memory, and a signed receipt says what happened."""

from preforget.erasure.forget import Erasure, forget
from preforget.erasure.opening import open_folder, read_folder
from preforget.erasure.plan import Plan, engine_of, plan, plan_in_memory
from preforget.erasure.restoring import restore

__all__ = [
    "Erasure",
    "Plan",
    "engine_of",
    "forget",
    "open_folder",
    "plan",
    "plan_in_memory",
    "read_folder",
    "restore",
]
