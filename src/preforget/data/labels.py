"""Labels as users give them become text, one name per input."""

from __future__ import annotations

from typing import Any

import numpy as np

from preforget.core.errors import DataError
from preforget.core.paths import shortened
from preforget.data.dataset import Labels, label_array


def as_labels(y: Any, what: str = "label") -> Labels:
    """Return class names as `str`, `[n]`: text is kept as it is, whole numbers become text (3 becomes "3").

    `what` the names are, for errors: `label` or `subject`.

    Raises `DataError` for missing (None, NaN), empty or fractional labels and for several labels per image.
    """
    if isinstance(y, str) or not hasattr(y, "__len__") or (isinstance(y, np.ndarray) and y.ndim == 0):
        shown = shortened(repr(y))
        raise DataError(
            f"{what}s come as a list or an array, one per image, not as {type(y).__name__} {shown}"
        )
    if isinstance(y, np.ndarray) and y.ndim > 1:
        if y.ndim > 2 or y.shape[1] != 1:
            raise DataError(
                f"{what}s of shape {y.shape}: several {what}s per image can't be used here; give one each"
            )
        y = y[:, 0]
    values = y.tolist() if isinstance(y, np.ndarray) else list(y)
    names: dict[Any, str] = {}
    for position, value in enumerate(values):
        # True == 1 == 1.0, so the type belongs to the key
        key = (type(value), value) if value.__hash__ is not None else (type(value), repr(value))
        if key not in names:
            names[key] = _label_name(value, position, what)
        values[position] = names[key]
    return label_array(values)


def _label_name(value: Any, position: int, what: str) -> str:
    kind = "class" if what == "label" else what
    if value is None or (isinstance(value, float | np.floating) and value != value):
        raise DataError(
            f"the {what} at position {position} is missing ({value}); leave the image out or name its {kind}"
        )
    if isinstance(value, str):
        if not value.strip():
            raise DataError(
                f"the {what} at position {position} is empty; leave the image out or name its {kind}"
            )
        return str(value)
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return str(int(value))
    raise DataError(f"the {what} at position {position} is {value!r}; {what}s are text or whole numbers")
