"""Matrices of 0 and 1 as labels: as arrays, lists, or tables of pandas; rows with exactly one 1 mean one label."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.core.errors import DataError


class OneHotWarning(UserWarning):
    """A matrix of 0 and 1 with exactly one 1 in each row was taken for one label per input."""


def as_matrix(y: Any) -> npt.NDArray[np.int8] | None:
    """Return `y` as a matrix `[n, columns]` of 0 and 1, of two columns at least, None if it is anything else.

    Lists of equal length that hold nothing but 0 and 1 are a matrix, too, also as text if one is twice in a list.

    >>> as_matrix([[0, 1, 1], [1, 0, 0]]).tolist(), as_matrix([["a"], []]), as_matrix([[0, 1], [1]])
    ([[0, 1, 1], [1, 0, 0]], None, None)
    >>> as_matrix([["0", "1", "1"], ["1", "0", "1"]]).tolist(), as_matrix([["0", "1"], ["1", "0"]])
    ([[0, 1, 1], [1, 0, 1]], None)
    """
    y = _numbers(y)
    values: npt.NDArray[Any]
    if isinstance(y, np.ndarray):
        values = y
    elif isinstance(y, list | tuple) and y and all(isinstance(row, list | tuple | np.ndarray) for row in y):
        if len({len(row) for row in y}) > 1 or any(isinstance(each, str) for row in y for each in row):
            return None
        values = np.empty((len(y), len(y[0])), dtype=object)
        for position, row in enumerate(y):
            values[position] = list(row)
    else:
        return None
    if values.ndim != 2 or values.shape[1] < 2 or not len(values):
        return None
    if values.dtype.kind not in "biuf" and not all(
        isinstance(each, bool | int | float | np.generic) for each in values.ravel().tolist()
    ):
        return None
    return values.astype(np.int8) if np.isin(values.astype(np.float64), (0, 1)).all() else None


def _numbers(y: Any) -> Any:
    """Return rows of the texts `0` and `1`, of which one is twice in a row, as numbers; anything else as it is."""
    if isinstance(y, np.ndarray) and y.ndim == 2 and y.dtype.kind in "OUS":
        y = y.tolist()
    elif not isinstance(y, list | tuple):
        return y
    texts = ("0", "1", b"0", b"1")
    rows = [row for row in y if isinstance(row, list | tuple)]
    if len(rows) < len(y) or not all(
        type(each) in (str, bytes) and each in texts for row in rows for each in row
    ):
        return y
    return (
        [[int(each) for each in row] for row in rows] if any(len(set(row)) < len(row) for row in rows) else y
    )


def from_frame(y: Any) -> tuple[Any, list[str] | None]:
    """Return the values of a table of pandas or the like, and the names of its columns; anything else as it is."""
    if not hasattr(y, "to_numpy"):
        return y, None
    columns = getattr(y, "columns", None)
    return y.to_numpy(), None if columns is None else [str(name) for name in columns]


def single_labels(y: Any, conditions: Sequence[str] | None = None) -> Any:
    """Return one label for each row of a matrix that has exactly one 1 in each, and say so; anything else as it is.

    `conditions` names the columns; without it labels are their numbers. Raises `DataError` for a wrong number of names.
    """
    matrix = as_matrix(y)
    if matrix is None or not (matrix.sum(axis=1) == 1).all():
        return y
    columns = matrix.argmax(axis=1)
    if conditions is not None and len(conditions) != matrix.shape[1]:
        raise DataError(
            f"{len(conditions)} names of conditions for a matrix of {matrix.shape[1]} columns; give one for each"
        )
    warnings.warn(
        "each row of the labels holds exactly one 1, so that each input is taken to have one label and not several",
        OneHotWarning,
        stacklevel=3,
    )
    return (
        columns if conditions is None else np.array([conditions[column] for column in columns], dtype=object)
    )
