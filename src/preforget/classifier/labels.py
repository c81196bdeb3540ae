"""Labels keep the type that they were given with: whole numbers, booleans, numbers such as 1.0, or text.

Records name their class by text, so that a folder means the same everywhere; what type the text stands for is one
word, the kind of the labels, in the manifest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.core.abstain import ABSTAIN
from preforget.core.errors import DataError, UsageError
from preforget.core.names import as_name
from preforget.core.options import is_whole
from preforget.core.paths import shortened

TEXT, INTEGER, BOOLEAN, FLOAT = "text", "integer", "boolean", "float"
KINDS = (TEXT, INTEGER, BOOLEAN, FLOAT)
DTYPES = {TEXT: np.str_, INTEGER: np.int64, BOOLEAN: np.bool_, FLOAT: np.float64}
LARGEST = 2**53
"""Whole numbers up to here are the same as floats."""


def kind_of(y: Any) -> str:
    """Return the kind of labels `y`, one per input; text for a mixture, and for what is no label at all.

    >>> kind_of([3, 4]), kind_of(np.array([True])), kind_of(["a", 4])
    ('integer', 'boolean', 'text')
    """
    types = {_kind_of_one(value) for value in (y.tolist() if isinstance(y, np.ndarray) else y)}
    return types.pop() if len(types) == 1 else TEXT


def name_of(label: Any) -> str:
    """Return the text that stands for a label: 3, 3.0, numpy's 3 and "3" are the same; raises `DataError`.

    >>> name_of(np.int64(3)), name_of(3.0), name_of(True)
    ('3', '3', 'True')
    """
    if label is ABSTAIN:
        raise DataError("ABSTAIN is the answer to inputs of no known class; it can't be a label itself")
    if isinstance(label, bool | np.bool_):
        return str(bool(label))
    if isinstance(label, float | np.floating) and np.isfinite(label) and label == int(label):
        return str(int(label))
    return as_name(label)


def names_of_some(labels: Any) -> list[str]:
    """Return the names of one label or of several, in the order given; raises `DataError`."""
    if isinstance(labels, str) or not isinstance(labels, Iterable) or getattr(labels, "ndim", 1) == 0:
        return [name_of(labels.item() if isinstance(labels, np.ndarray) else labels)]
    return [name_of(label) for label in labels]


def as_text(y: Any) -> Any:
    """Return labels as names where they are booleans or floats, else as they are, for checks further on.

    Raises `DataError` for numbers that are not whole, which are no labels but measurements.
    """
    if isinstance(y, str) or not hasattr(y, "__len__") or getattr(y, "ndim", 1) != 1:
        return y
    values = y.tolist() if isinstance(y, np.ndarray) else list(y)
    fraction = next((v for v in values if isinstance(v, float | np.floating) and v % 1), None)
    if fraction is not None and fraction == fraction and abs(fraction) != float("inf"):
        raise DataError(
            f"Unknown label type: continuous. {fraction!r} is no class; labels are text, whole numbers or booleans"
        )
    return [name_of(v) if _kind_of_one(v) in (BOOLEAN, FLOAT) or v is ABSTAIN else v for v in values]


def ordered(names: Iterable[str], kind: str) -> list[str]:
    """Return names in the order that `numpy.unique` gives their labels.

    >>> ordered(["10", "2"], "integer"), ordered(["10", "2"], "text")
    (['2', '10'], ['10', '2'])
    """
    return sorted(names, key=int) if kind in (INTEGER, FLOAT) else sorted(names)


def labels_of(names: Sequence[str], kind: str) -> npt.NDArray[Any]:
    """Return names as labels of a kind, `[n]`."""
    if kind == BOOLEAN:
        return np.array([name == "True" for name in names], dtype=np.bool_)
    if kind in (INTEGER, FLOAT):
        return np.array([int(name) for name in names], dtype=DTYPES[kind])
    return np.array(list(names), dtype=np.str_)


def answers_of(answers: npt.NDArray[np.object_], kind: str) -> npt.NDArray[Any]:
    """Return names and `ABSTAIN`, `[n]`, as labels of a kind; an object array only where something abstains."""
    known = np.array([answer is not ABSTAIN for answer in answers], dtype=bool)
    labels = labels_of(list(answers[known]), kind)
    if known.all():
        return labels
    mixed = np.full(len(answers), ABSTAIN, dtype=object)
    mixed[known] = labels.tolist()
    return mixed


def fits(name: str, kind: str) -> bool:
    """Tell whether a name stands for a label of a kind.

    >>> fits("12", "integer"), fits("012", "integer"), fits("12", "text")
    (True, False, True)
    """
    return name in ("True", "False") if kind == BOOLEAN else kind == TEXT or _is_number(name)


def check_fits(name: str, kind: str) -> None:
    """Raise `UsageError` for the name of a new class that is no label of the model's kind."""
    if not fits(name, kind):
        raise UsageError(
            f"{shortened(name)!r} can't be added: the labels of this model are of the kind {kind!r}, and predict "
            "answers with labels of one kind"
        )


def _is_number(name: str) -> bool:
    digits = name.removeprefix("-")
    short = digits.isascii() and digits.isdigit() and len(digits) <= 16
    return short and str(int(name)) == name and abs(int(name)) <= LARGEST


def _kind_of_one(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return BOOLEAN
    if isinstance(value, str):
        return TEXT
    if is_whole(value):
        return INTEGER if abs(int(value)) <= LARGEST else TEXT
    if isinstance(value, float | np.floating) and np.isfinite(value) and value == int(value):
        return FLOAT if abs(int(value)) <= LARGEST else TEXT
    return TEXT
