"""Several labels per input: check what a user hands in and bring it to sorted tuples of names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.core.errors import DataError
from preforget.data.dataset import Labels, label_array, names_of
from preforget.data.labels import labels_and_remarks, one_name_each, warn_of
from preforget.data.one_hot import as_matrix


def holds_sets(y: Any) -> bool:
    """Tell whether `y` is a matrix `[n, conditions]` of at least two columns, or a list of lists of labels."""
    if isinstance(y, np.ndarray) and y.ndim == 2:
        return bool(y.shape[1] > 1)
    if as_matrix(y) is not None:
        return True
    return (
        not isinstance(y, str)
        and hasattr(y, "__len__")
        and not (isinstance(y, np.ndarray) and y.ndim == 0)
        and any(isinstance(item, list | tuple | set | frozenset) for item in y)
    )


def as_label_sets(y: Any, conditions: Sequence[str] | None = None) -> Labels:
    """Return `[n]` sorted tuples of condition names, from a 0/1 matrix `[n, conditions]` or a list of
    label lists; lists of 0 and 1 of equal length are a matrix.

    `conditions` names the columns of a matrix; without it they are "0", "1" and so on. Raises `DataError` for
    numbers other than 0 and 1, for names that are missing, doubled or of the wrong number, and for labels that are
    neither text nor whole numbers.
    """
    matrix = as_matrix(y)
    if matrix is not None:
        return _from_matrix(matrix, conditions)
    if isinstance(y, np.ndarray) and y.ndim == 2:
        return _from_matrix(y, conditions)
    if conditions is not None:
        raise DataError(
            "conditions name the columns of a 0/1 matrix; a list of label lists brings its own names"
        )
    rows, flat = [], []
    for position, labels in enumerate(y):
        if not isinstance(labels, list | tuple | set | frozenset):
            raise DataError(
                f"the labels at position {position} are {labels!r}; give a list of labels, empty for none"
            )
        rows += [position] * len(labels)
        flat += list(labels)
    names, remarks = labels_and_remarks(flat, locate=lambda position: f"a label at position {rows[position]}")
    if remarks:
        warn_of(len(remarks), "label")
    sets: list[set[str]] = [set() for _ in y]
    for row, name in zip(rows, names, strict=True):
        sets[row].add(name)
    return label_array([tuple(sorted(labels)) for labels in sets])


def marks(labels: Sequence[Any] | Labels, conditions: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return `[n, conditions]`: which input has which condition.

    >>> marks([("a", "b"), ()], ["b"]).tolist()
    [[True], [False]]
    """
    column_of = {name: column for column, name in enumerate(conditions)}
    matrix = np.zeros((len(labels), len(column_of)), dtype=bool)
    for row, names in enumerate(labels):
        for name in (names,) if isinstance(names, str) else names:
            if name in column_of:
                matrix[row, column_of[name]] = True
    return matrix


def check_conditions(labels: Labels, minimum: int = 2) -> None:
    """Raise `DataError` unless each condition has at least `minimum` inputs with it and as many without it."""
    names = names_of(labels)
    if not names:
        raise DataError("no input has any label: there is nothing to learn")
    for name, count in zip(names, marks(labels, names).sum(axis=0), strict=True):
        if count < minimum or len(labels) - count < minimum:
            raise DataError(
                f"condition {name!r} is marked on {count} of {len(labels)} inputs; learning needs at least "
                f"{minimum} with it and {minimum} without; leave it out or add inputs"
            )


def _from_matrix(y: npt.NDArray[Any], conditions: Sequence[str] | None) -> Labels:
    given_names = list(map(str, range(y.shape[1]) if conditions is None else conditions))
    names, _ = one_name_each(
        given_names, "label", lambda column: f"the name of condition {column}", "give one for each column"
    )
    if len(names) != y.shape[1] or len(set(names)) < len(names):
        raise DataError(
            f"{len(set(names))} different names of conditions for a matrix of {y.shape[1]} columns; give one for each"
        )
    if y.dtype.kind not in "biuf" or not np.isin(y, (0, 1)).all():
        raise DataError("a matrix of labels holds only 0 and 1: 1 if the input has the condition")
    return label_array([tuple(sorted(names[column] for column in np.flatnonzero(row))) for row in y])
