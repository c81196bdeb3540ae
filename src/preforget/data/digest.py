"""Digests of data: does a checkpoint or a cache belong to these images?"""

from __future__ import annotations

import hashlib

import numpy as np

from preforget.core.errors import DataError
from preforget.data.dataset import Sounds, Split


def split_digest(split: Split) -> str:
    """Return `sha256:<hex>` of images, labels, subjects in order; for files of path, size and time of change."""
    total = hashlib.sha256()
    if isinstance(split.inputs, list):
        for path in split.inputs:
            try:
                status = path.stat()
            except OSError as error:
                raise DataError(f"{path} can't be read any more: {error.strerror or error}") from error
            total.update(f"{path.absolute()}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    else:
        given = split.inputs
        values, rate = (given.waves, str(given.rate)) if isinstance(given, Sounds) else (given, "")
        total.update(f"{values.shape}{rate}".encode())
        total.update(np.ascontiguousarray(values).data)
    for names in (split.labels, split.subjects):
        for name in () if names is None else names:
            total.update((name if isinstance(name, str) else "\x1f".join(name)).encode() + b"\0")
    return f"sha256:{total.hexdigest()}"
