"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ODD = frozenset({errno.EINVAL, errno.ELOOP, errno.EFBIG, errno.ENXIO})
"""What `read_regular` says of something that is no file, or no such file as was written."""


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one: temporary file, fsync, rename, fsync.

    Raises `OSError`; the temporary file is gone then.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def read_regular(path: Path, limit: int, *, follow: bool = False) -> bytes:
    """Return a file's bytes; raises `OSError` for a pipe, a device or a folder, and for more than `limit` bytes.

    `follow`: whether a symbolic link may stand for the file.
    """
    if not follow and path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    # without waiting for a pipe's writer, and without following a link that came just now
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags if follow else flags | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is a pipe, a socket or a device", str(path))
        try:
            content = file.read(limit + 1) if status.st_size <= limit else b""
        except MemoryError:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), str(path)) from None
    if status.st_size > limit or len(content) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit >> 20} MiB", str(path))
    return content


def sync_folder(folder: Path) -> None:
    """Make renames and removals in a folder durable; nothing to do where folders can't be opened (Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Let one process at a time change a folder: others wait; a process that dies gives the lock back.

    Where the system has no such locks (Windows), nothing is locked. Raises `OSError`.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    lock = _Descriptor(os.open(folder, os.O_RDONLY))
    try:
        fcntl.flock(lock.number, fcntl.LOCK_EX)
        yield
    finally:
        lock.close()


class _Descriptor:
    """A number of an open file, closed at the latest when nobody refers to it any more."""

    def __init__(self, number: int) -> None:
        self.number = number

    def close(self) -> None:
        """Close it, unless that has been done."""
        number, self.number = self.number, -1
        if number >= 0:
            os.close(number)

    __del__ = close
