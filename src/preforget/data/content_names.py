"""Every input a unit of its own, which can be forgotten by itself, named by the digest of its content."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from preforget.data.content import read_content
from preforget.data.dataset import Split, label_array
from preforget.data.digest import numbers_of
from preforget.data.texts import Texts

EACH = "each"
"""What is given for `subjects` where each input is to be a unit by itself."""


def wants_each(subjects: object) -> bool:
    """Tell whether each input is to be a unit by itself."""
    return isinstance(subjects, str) and subjects == EACH


def content_name(path: Path) -> str:
    """Return `sha256:<hex>` of a file's bytes; raises `DataError` if it can't be read."""
    return f"sha256:{hashlib.sha256(read_content(path)).hexdigest()}"


def named_by_content(split: Split) -> Split:
    """Return the same inputs, each of a subject named by its content: of files and texts their bytes, else
    its numbers.

    Inputs of the same content are of one subject. Raises `DataError` if a file can't be read.

    >>> split = Split(np.zeros((2, 3, 3), np.uint8), label_array(["a", "b"]))
    >>> len(set(named_by_content(split).subjects))
    1
    """
    return replace(split, subjects=label_array(_names(split)))


def _names(split: Split) -> list[str]:
    if isinstance(split.inputs, list):
        return [content_name(path) for path in split.inputs]
    if isinstance(split.inputs, Texts):
        contents = [text.encode("utf-8", "surrogatepass") for text in split.inputs.values]
        return [f"sha256:{hashlib.sha256(content).hexdigest()}" for content in contents]
    values, meaning = numbers_of(split.inputs)
    start = hashlib.sha256(f"{values.dtype.str}{values.shape[1:]}{meaning}\0".encode())
    names = []
    for row in values:
        one = start.copy()
        one.update(np.ascontiguousarray(row).data)
        names.append(f"sha256:{one.hexdigest()}")
    return names
