"""What changes with a file's content: enough to know that a file is the one that was read before."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

SETTLED = 10**8
"""Nanoseconds after which a change of a file shows in its times, since the clocks of file systems tick."""


class Mark(NamedTuple):
    """Number, size, times and kind of a file; nobody but the owner of the machine sets the time of a change."""

    number: int
    size: int
    modified: int
    changed: int
    mode: int

    def is_settled(self) -> bool:
        """Tell whether the file is old enough for every later change to show."""
        return time.time_ns() - max(self.modified, self.changed) > SETTLED


def mark_of(path: Path | str) -> Mark | None:
    """Return what tells a file from what it was before, None if there is none; raises `OSError`."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    return Mark(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode)
