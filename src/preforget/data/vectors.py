"""Vectors as inputs: embeddings or measurements from elsewhere, one row of numbers each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.core.errors import DataError


class NotNumbersError(DataError, TypeError):
    """Something in an array of vectors is not a number; a `TypeError` too, as scikit-learn's tools expect."""


@dataclass(frozen=True, eq=False)
class Vectors:
    """Rows of finite numbers, `values [n, d]`, float32 or float64, kept as they were given.

    Raises `DataError` for another shape or type and for numbers that are not finite.
    """

    values: npt.NDArray[np.floating]

    def __post_init__(self) -> None:
        v = self.values
        if not isinstance(v, np.ndarray) or v.dtype not in (np.float32, np.float64):
            raise DataError("vectors come as a numpy array [n, d] of float32 or float64")
        if v.ndim != 2:
            raise DataError(
                f"Expected 2D array of vectors [n, d], got {v.ndim}D array instead, shape {v.shape}; "
                "Reshape your data: X.reshape(-1, 1) for one feature, X.reshape(1, -1) for one vector"
            )
        if not v.shape[1]:
            raise DataError(
                f"Found array with 0 feature(s) (shape={v.shape}) while a minimum of 1 is required."
            )
        if np.isnan(v).any():
            raise DataError("Input X contains NaN; replace missing numbers first")
        if not np.isfinite(v).all():
            raise DataError(f"Input X contains infinity or a value too large for {v.dtype}; replace it first")

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, chosen: npt.NDArray[np.intp] | slice) -> Vectors:
        """Return some of the vectors."""
        return Vectors(self.values[chosen])

    @property
    def width(self) -> int:
        """The number `d` of numbers in each vector."""
        return int(self.values.shape[1])


def as_vectors(X: Any) -> Vectors:
    """Return anything that numpy can read as `[n, d]` numbers as `Vectors`.

    float32 and float64 stay as they are, whole numbers and booleans become float64, exactly up to 2^53. Raises
    `DataError` for complex numbers, text, sparse matrices, no rows, and for arrays that `Vectors` refuses.
    """
    if isinstance(X, Vectors):
        return X
    if hasattr(X, "toarray"):
        raise DataError("sparse vectors are not supported: pass X.toarray()")
    try:
        values = np.asarray(X)
        if values.dtype.kind == "c":
            raise DataError("Complex data not supported: vectors hold real numbers")
        if values.dtype not in (np.float32, np.float64):
            values = values.astype(np.float32 if values.dtype == np.float16 else np.float64)
    except (TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        kind = NotNumbersError if isinstance(error, TypeError) else DataError
        raise kind(f"vectors come as rows [n, d] of numbers, all of one length: {error}") from None
    if values.ndim and not len(values):
        raise DataError(
            f"Found array with 0 sample(s) (shape={values.shape}) while a minimum of 1 is required."
        )
    return Vectors(values)
