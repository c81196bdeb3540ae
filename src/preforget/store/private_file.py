"""Files that only their owner may read, in a folder that one process at a time changes."""

from __future__ import annotations

import contextlib
import functools
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from preforget.core.errors import StoreError
from preforget.core.files import exclusive, make_private


def read_private(path: Path) -> bytes | None:
    """Read a file that only its owner may read, None if there is none; raises `StoreError` for any other file."""
    try:
        if path.is_symlink():
            raise StoreError(f"{path} is a symbolic link; put the file itself there")
        # without waiting for a pipe's writer, and without following a link that was made a moment ago
        flags = (getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
        descriptor = os.open(path, functools.reduce(int.__or__, flags, os.O_RDONLY))
    except FileNotFoundError:
        return None
    except StoreError:
        raise
    except OSError as error:
        raise cannot_read(path, error) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise StoreError(f"{path} is no file; move it away, or give the right keyring with --keyring")
        if os.name == "posix" and stat.S_IMODE(status.st_mode) & ~0o600:
            raise StoreError(
                f"others may use {path}, which holds keys; make it private with: chmod 600 {path}"
            )
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    except StoreError:
        raise
    except OSError as error:
        raise cannot_read(path, error) from error
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def changing(folder: Path, prepare: Callable[[], object] | None = None) -> Iterator[None]:
    """Make a private folder, if it isn't there, and let one process at a time change it; raises `StoreError`.

    Unfinished files that a killed process left are removed first: they may hold keys that are to be destroyed.
    `prepare` is called before the lock is taken, so that no other process waits for what a user answers there.
    """
    if prepare is not None:
        prepare()
    try:
        make_private(folder)
        if os.name == "posix" and stat.S_IMODE(folder.stat().st_mode) & 0o022:
            raise StoreError(
                f"others may change the keyring {folder}; make it private with: chmod 700 {folder}, "
                "or name a new folder in it with --keyring"
            )
        with exclusive(folder):
            for leftover in folder.glob(".writing-*"):
                leftover.unlink()
            yield
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(
            f"the keyring {folder} can't be written: {error.strerror or error}; "
            "make it writable, or name another with --keyring"
        ) from error


def cannot_read(path: Path, error: OSError) -> StoreError:
    """Return the error of a key file or folder that the system refuses to read."""
    return StoreError(
        f"{path} can't be read: {error.strerror or error}; make it readable, or give the right keyring with --keyring"
    )
