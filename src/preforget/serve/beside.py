"""The folders that a service keeps beside a model: only their owner gets in, and one service at a time."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from preforget.core.errors import StoreError
from preforget.core.files import make_private


def own_folder(folder: Path) -> None:
    """Make a folder, or raise `StoreError` for one that isn't this user's own or that anybody can look into.

    Names stand in it for a while, and what lies in it is carried out: whoever made it before must be no stranger.
    """
    try:
        make_private(folder.absolute())
        status = folder.lstat()
    except OSError as error:
        raise StoreError(f"{folder} can't be made or read: {error.strerror or error}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise StoreError(f"{folder} is a link; the service keeps names in it, so it must be a folder")
    if status.st_uid != os.geteuid():
        raise StoreError(f"{folder} belongs to another user; the service keeps names in it; see who made it")
    if status.st_mode & 0o007:
        raise StoreError(
            f"{folder} is open to every user; the service keeps names in it; run: chmod 700 {folder}"
        )
