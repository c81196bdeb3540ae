"""Read a picture's file whole."""

from __future__ import annotations

import errno
from pathlib import Path

from preforget.core.errors import DataError
from preforget.core.files import read_regular
from preforget.data.embedded import EmbeddedFile

MAX_BYTES = 1 << 30
"""Larger files are refused, since a file is read whole before it is decoded."""


def read_content(path: Path) -> bytes:
    """Return the bytes of a file; raises `DataError` for one that can't be opened or is too large."""
    if isinstance(path, EmbeddedFile):
        return path.content
    try:
        # into memory: decoders may abort the process when a file shrinks under them
        return read_regular(path, MAX_BYTES, follow=True)
    except OSError as error:
        if error.errno == errno.EFBIG:
            problem = f"larger than {MAX_BYTES >> 30} GiB; shrink or cut the image first"
        else:
            problem = f"can't be opened: {error.strerror}"
        raise DataError(f"{path}: {problem}") from error
