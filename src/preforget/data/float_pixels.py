"""Pictures of floating-point numbers: those that plainly are 0 to 255 become whole numbers, others are refused.

A fixed scale is asked for, since one that depends on the numbers at hand would differ from call to call.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

PLAINLY = 64
"""Numbers that aren't whole must reach so far: less may be any scale of its own, such as 0 to 1 or 0 to 10."""

FLOATS = "hold floating-point numbers, which are read as grey levels from 0 to 255, rounded"


class FloatPixelsWarning(UserWarning):
    """Pictures of floating-point numbers are read as grey levels from 0 to 255."""


def levels_of(pixels: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8] | None:
    """Return floats that plainly are grey levels from 0 to 255 as such, rounded; None for any others.

    They are plain if all are from 0 to 255 and reach at least `PLAINLY`, or are whole numbers beyond 1, or all zero,
    which is black on every scale.

    >>> levels_of(np.array([0.0, 99.6])), levels_of(np.array([0.0, 0.6])), levels_of(np.array([-1.0, 99.6]))
    (array([  0, 100], dtype=uint8), None, None)
    """
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0 and high <= 255):  # NaN is neither
        return None
    rounded: npt.NDArray[np.uint8] = np.rint(pixels).astype(np.uint8)
    if high >= PLAINLY or high == 0 or (high > 1 and bool((rounded == pixels).all())):
        return rounded
    return None
