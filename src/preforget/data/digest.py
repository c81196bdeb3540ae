"""Digests of data, by which a checkpoint or a cache is matched to its inputs."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.core.errors import DataError
from preforget.data.dataset import Sounds, Split
from preforget.data.embedded import EmbeddedFile
from preforget.data.texts import Texts
from preforget.data.vectors import Vectors


def split_digest(split: Split) -> str:
    """Return `sha256:<hex>` of inputs, labels, subjects in order; of files path, size and time of change count."""
    total = hashlib.sha256()
    if isinstance(split.inputs, list):
        for path in split.inputs:
            if isinstance(path, EmbeddedFile):
                total.update(f"{path}\0{hashlib.sha256(path.content).hexdigest()}\0".encode())
                continue
            try:
                status = path.stat()
            except OSError as error:
                raise DataError(f"{path} can't be read any more: {error.strerror or error}") from error
            total.update(f"{path.absolute()}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    elif isinstance(split.inputs, Texts):
        for text in split.inputs.values:
            total.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    else:
        values, meaning = numbers_of(split.inputs)
        total.update(f"{values.shape}{meaning}".encode())
        total.update(np.ascontiguousarray(values).data)
    for names in (split.labels, split.subjects):
        for name in () if names is None else names:
            total.update((name if isinstance(name, str) else "\x1f".join(name)).encode() + b"\0")
    return f"sha256:{total.hexdigest()}"


def numbers_of(inputs: npt.NDArray[np.uint8] | Sounds | Vectors) -> tuple[npt.NDArray[Any], str]:
    """Return the numbers of inputs in memory, and their sampling rate or number type as text."""
    if isinstance(inputs, Sounds):
        return inputs.waves, str(inputs.rate)
    if isinstance(inputs, Vectors):
        return inputs.values, str(inputs.values.dtype)
    return inputs, ""
