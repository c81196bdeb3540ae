"""Look through every byte of a model folder for what must be gone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from preforget.core.errors import StoreError

WINDOW = 256
"""Bytes of a window; long ones are found faster, and by chance never."""

DISTINCT = 32
"""A window has at least so many different bytes: a run of zeros occurs everywhere and says nothing."""

MOST = 16
"""Windows of one file at most."""

EFFORT = 2**28
"""Bytes of the folder times windows, at most, as long as every record has one window."""


def windows(contents: Sequence[bytes], folder_bytes: int) -> list[bytes]:
    """Return telling pieces of records' files: as many of each as `EFFORT` allows, one at least.

    They are spread over the tensors of a plain file and over the whole of a sealed one.
    """
    allowed = min(MOST, max(1, EFFORT // max(1, folder_bytes) // max(1, len(contents))))
    return [piece for content in contents for piece in _spread(content[_start(content) :], allowed)]


def scan(folder: Path, pieces: Collection[bytes], leave_out: Collection[str] = ()) -> tuple[int, list[str]]:
    """Search every file below a folder; return the bytes that were read and the names of files with a piece.

    Names are searched as well. Raises `StoreError` for a file that can't be read.
    """
    total, found = 0, []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or name in leave_out:
            continue
        try:
            content = path.read_bytes()
        except OSError as error:
            raise StoreError(f"{path} can't be read to look for traces: {error.strerror or error}") from error
        total += len(content)
        if any(piece in content for piece in pieces):
            found.append(name)
    return total, found


def _start(content: bytes) -> int:
    """Return where a file's own bytes begin: the header of safetensors looks alike in all records."""
    header = int.from_bytes(content[:8], "little")
    return 8 + header if header < len(content) and content[8:9] == b"{" else 0


def _spread(content: bytes, count: int) -> Iterator[bytes]:
    """Yield up to `count` telling windows of a file, the first from its middle."""
    last = max(0, len(content) - WINDOW)
    places = [last // 2, *(last * n // max(1, count - 1) for n in range(count - 1))]
    telling = [content[at : at + WINDOW] for at in places]
    yield from [piece for piece in dict.fromkeys(telling) if len(set(piece)) >= DISTINCT][:count]
