"""Files that are there whole or not at all, that only their owner can read, and that are files."""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

ODD = frozenset({errno.EINVAL, errno.ELOOP, errno.EFBIG, errno.ENXIO})
"""What `read_regular` says of something that is no file, or no such file as was written."""

NAMELESS_UNKNOWN = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL})
"""What file systems and old kernels say that know no files without a name."""

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
"""Rights of what is written: its owner's alone."""


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one: temporary file, fsync, rename, fsync.

    Only its owner can read it. Raises `OSError`; the temporary file is gone then.
    """
    temporary = write_beside(path, content)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that isn't there yet: a process that is killed leaves it whole, or no trace of it.

    The bytes have no name until they are all there (`O_TMPFILE`); where the system knows no such files, a temporary
    one is renamed, and may be left. Only its owner can read it. Raises `OSError`, `FileExistsError` among them.
    """
    try:
        descriptor = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, PRIVATE_FILE)
    except (AttributeError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in NAMELESS_UNKNOWN:
            raise
        write_atomic(path, content)
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), PRIVATE_FILE)  # whatever the umask
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            # with a folder's descriptor Python follows the link in /proc to the file
            os.link(f"/proc/self/fd/{file.fileno()}", path.name, dst_dir_fd=folder, follow_symlinks=True)
        os.fsync(folder)
    finally:
        os.close(folder)


def write_beside(path: Path, content: bytes) -> Path:
    """Write what is to replace a file into a durable temporary file beside it, and return where it lies.

    Renaming it needs no room on the disk any more. Raises `OSError`; the temporary file is gone then.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            temporary.chmod(PRIVATE_FILE)  # whatever the umask
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def open_regular(path: Path, limit: int, *, follow: bool = True) -> IO[bytes]:
    """Open a plain file for reading; raises `OSError` for a pipe, a device, a folder, and more than `limit` bytes.

    `follow`: whether a symbolic link may stand for the file. Never waits, as opening a pipe would.
    """
    if not follow and path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    # without waiting for a pipe's writer, and without following a link that came just now
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags if follow else flags | getattr(os, "O_NOFOLLOW", 0))
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is a pipe, a socket or a device", str(path))
        if status.st_size > limit:
            raise _too_large(path, limit)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, limit: int, *, follow: bool = False) -> bytes:
    """Return the bytes of a plain file; raises `OSError` as `open_regular`."""
    with open_regular(path, limit, follow=follow) as file:
        try:
            content = file.read(os.fstat(file.fileno()).st_size + 1)
            while (
                content and len(content) <= limit and (more := file.read(2**20))
            ):  # a file of /proc has no size
                content += more
        except MemoryError:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), str(path)) from None
    if len(content) > limit:  # it grew meanwhile
        raise _too_large(path, limit)
    return content


def _too_large(path: Path, limit: int) -> OSError:
    size = f"{limit >> 20} MiB" if limit >= 2**20 else f"{limit >> 10} KiB"
    return OSError(errno.EFBIG, f"it is larger than {size}", str(path))


def make_private(folder: Path) -> None:
    """Make a folder and those above it that are missing, for their owner alone whatever the umask; raises `OSError`."""
    if folder.is_dir():
        return
    make_private(folder.parent)
    try:
        folder.mkdir(PRIVATE_FOLDER)
    except FileExistsError:
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from None
        return  # another process was faster
    folder.chmod(PRIVATE_FOLDER)  # the umask may have taken even the owner's rights
    sync_folder(folder.parent)


def may_write(folder: Path) -> bool:
    """Tell whether this process, with the rights it has now, may add and remove files in a folder."""
    return folder.is_dir() and os.access(
        folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids
    )


def sync_folder(folder: Path) -> None:
    """Make renames and removals in a folder durable; nothing to do where folders can't be opened (Windows)."""
    if os.name == "nt":
        return
    sync(folder)


def sync(path: Path) -> None:
    """Write a file's content, or a folder's list of names, to the disk itself."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Let one process at a time change a folder; a process that dies gives the lock back.

    `wait`: whether to wait for another process that has the lock; without, `BlockingIOError` says that one has. Where
    the system has no such locks (Windows), nothing is locked. Raises `OSError`.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    lock = _Descriptor(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
    try:
        fcntl.flock(lock.number, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
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
