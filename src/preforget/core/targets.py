"""Where a command may write: a plain file that isn't there yet, or that the user wants replaced."""

from __future__ import annotations

import stat
from pathlib import Path

from preforget.core.errors import StoreError, UsageError
from preforget.core.files import write_atomic, write_new

REPLACE = "give --force to replace it"


def check_target(target: Path, *, force: bool = False, remedy: str = REPLACE) -> None:
    """Raise `UsageError` unless nothing is at `target`, or a plain file that may be replaced.

    `force`: whether it may; `remedy`: how the user says so. A link is no plain file, wherever it leads. To be asked
    before work begins, and again by whoever writes.
    """
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        if not target.absolute().parent.is_dir():
            raise UsageError(f"{target.parent} does not exist; make that folder first") from None
        return
    except (OSError, ValueError) as error:  # ValueError: text that is no path
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{target} can't be written: {reason}; choose another name") from error
    if stat.S_ISDIR(mode):
        raise UsageError(f"{target} is no plain file but a folder; choose another name")
    if not stat.S_ISREG(mode):
        raise UsageError(f"{target} is no plain file; choose another name")
    if not force:
        raise UsageError(f"{target} is there already; choose another name, or {remedy}")


def write_target(target: Path, content: bytes, *, force: bool = False, remedy: str = REPLACE) -> None:
    """Write a file that the user named, whole or not at all; raises as `check_target`, and `StoreError`."""
    check_target(target, force=force, remedy=remedy)
    try:
        (write_atomic if target.exists() else write_new)(target, content)
    except OSError as error:
        raise StoreError(f"{target} can't be written: {error.strerror or error}") from error
