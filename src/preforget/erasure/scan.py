"""Search every byte of a model folder for what must be gone."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from preforget.core.errors import StoreError

WINDOW = 256
"""Bytes of a window; long ones are found faster, and never by chance."""

DISTINCT = 32
"""A window has at least so many different bytes: a run of zeros occurs everywhere and says nothing."""

MOST = 16
"""The most windows of one file."""

BLOCK = 2**24
"""Bytes of a file that are searched at once."""

EFFORT = 2**28
"""The most bytes of the folder times windows, unless one window per record is more."""


def windows(contents: Sequence[bytes], folder_bytes: int) -> list[bytes]:
    """Return pieces by which records' files are recognised: as many of each as `EFFORT` allows, one at least.

    They are spread over the tensors of a plain file and over the whole of a sealed one.
    """
    allowed = min(MOST, max(1, EFFORT // max(1, folder_bytes) // max(1, len(contents))))
    return [piece for content in contents for piece in _spread(content[_start(content) :], allowed)]


def scan(folder: Path, pieces: Collection[bytes], leave_out: Collection[str] = ()) -> tuple[int, list[str]]:
    """Search every file below a folder for pieces; return as `search` does, which raises as this does."""
    longest = max((len(piece) for piece in pieces), default=1)
    return search(folder, lambda content: any(piece in content for piece in pieces), longest, leave_out)


def search(
    folder: Path, holds: Callable[[bytes], bool], longest: int, leave_out: Collection[str] = ()
) -> tuple[int, list[str]]:
    """Search every file below a folder; return the bytes that were read and the names of files that hold something.

    `holds`: tells whether a block of a file does; blocks overlap so that `longest` bytes are whole in one of them.
    Raises `StoreError` for a file or folder that can't be read.
    """
    total, names = 0, []
    for path in files_in(folder):
        name = path.removeprefix(f"{folder}{os.sep}")
        if name in leave_out:
            continue
        try:
            size, hit = _search(path, holds, longest - 1)
        except OSError as error:
            raise StoreError(f"{path} can't be read to look for traces: {error.strerror or error}") from error
        total += size
        names += [name] if hit else []
    return total, sorted(names)


def _search(path: str, holds: Callable[[bytes], bool], overlap: int) -> tuple[int, bool]:
    """Read a file in blocks that overlap; return its size and whether one of them holds something.

    Of a hole, which reads as zeros, no more is looked at than a piece reaches into: a planted file of a terabyte
    without data would take an hour.
    """
    total, hit, content = 0, False, b""
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb", buffering=0) as file:  # noqa: PTH123
        while True:
            hole = _hole(file.fileno(), total)
            file.seek(total + hole)
            block = bytes(min(hole, overlap)) + file.read(BLOCK)
            total = file.tell()
            if not block:
                return total, hit
            content = content[max(0, len(content) - overlap) :] + block
            hit = hit or holds(content)


def _hole(descriptor: int, start: int) -> int:
    """Return how many bytes from `start` on are a hole of the file, 0 where the system doesn't tell."""
    if not hasattr(os, "SEEK_DATA"):
        return 0
    try:
        return os.lseek(descriptor, start, os.SEEK_DATA) - start
    except OSError as error:
        if error.errno == errno.ENXIO:  # no data from here on
            return max(0, os.fstat(descriptor).st_size - start)
        return 0  # a file system or a kind of file that knows no holes


def files_in(folder: Path) -> Iterator[str]:
    """Yield the path of every file below a folder; raises `StoreError`."""
    try:
        with os.scandir(folder) as iterator:
            entries = list(iterator)
    except OSError as error:
        raise StoreError(f"{folder} can't be read to look for traces: {error.strerror or error}") from error
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from files_in(Path(entry.path))
        else:
            yield entry.path


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder; raises `OSError`."""
    return sum(os.stat(path, follow_symlinks=False).st_size for path in files_in(folder))  # noqa: PTH116


def _start(content: bytes) -> int:
    """Return where a file's own bytes begin: after the header of safetensors, which is alike in all records."""
    header = int.from_bytes(content[:8], "little")
    return 8 + header if header < len(content) and content[8:9] == b"{" else 0


def _spread(content: bytes, count: int) -> Iterator[bytes]:
    """Yield up to `count` windows that vary enough, the first and the last bytes among them, or one in the middle."""
    last = max(0, len(content) - WINDOW)
    even = [last * n // (count - 1) for n in range(count)] if count > 1 else []
    others = [last * n // 64 for n in range(65)]  # where those are too uniform
    seen: set[bytes] = set()
    for start in (*even, last // 2, *others):
        piece = content[start : start + WINDOW]
        if len(seen) < count and piece not in seen and len(set(piece)) >= DISTINCT:
            seen.add(piece)
            yield piece
