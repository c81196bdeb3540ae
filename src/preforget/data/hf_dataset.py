"""A `Dataset` of the library `datasets` of Hugging Face as inputs and labels, recognised by what it offers.

Pictures and sounds are taken as the files that they are, with `cast_column(..., decode=False)` where the data set has
it, so that they are decoded here and as files of a folder are; else as pictures of Pillow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from preforget.core.errors import DataError
from preforget.data.dataset import Split
from preforget.data.embedded import embedded

INPUTS = (
    *("image", "img", "audio", "picture", "file", "pixel_values", "text", "sentence"),
    *("embedding", "embeddings", "vector", "features"),
)
LABELS = ("label", "labels", "class", "category", "fine_label", "target")
"""Names of columns, in the order in which they are looked for; types of columns come first."""


def is_dataset(X: Any) -> bool:
    """Tell whether something is such a data set: rows with named columns of known types."""
    names = getattr(X, "column_names", None)
    return (
        isinstance(names, list)
        and hasattr(X, "features")
        and hasattr(X, "__getitem__")
        and hasattr(X, "__len__")
    )


def refuse_parts(X: Any) -> None:
    """Raise `DataError` for a dictionary of data sets, as `load_dataset` gives it, and for a stream."""
    parts = list(X) if isinstance(X, Mapping) else []
    if parts and all(isinstance(part, str) and is_dataset(X[part]) for part in parts):
        raise DataError(
            f"these are {len(parts)} data sets ({', '.join(map(str, parts[:5]))}); give one of them, such as "
            f"ds[{str(parts[0])!r}], and another as validation"
        )
    if hasattr(X, "column_names") and hasattr(X, "features") and not hasattr(X, "__len__"):
        raise DataError(
            "this data set is a stream, which has no length and can't be read twice; make a list of it first: "
            "datasets.Dataset.from_list(list(ds), features=ds.features)"
        )


def split_of(X: Any) -> Split:
    """Return inputs and labels of a data set; raises `DataError` if it isn't clear which columns they are."""
    column = _column(X, ("ClassLabel",), LABELS, "labels")
    feature = X.features.get(column)
    names, values = getattr(feature, "names", None), list(X[column])
    if names is not None:
        fits = (isinstance(value, int) and 0 <= value < len(names) for value in values)
        if not all(fits):
            raise DataError(
                f"column {column!r} holds numbers that are no class of the data set; leave these rows out"
            )
        values = [names[value] for value in values]
    labels = np.empty(len(values), dtype=object)
    labels[:] = values
    return Split(inputs_of(X), labels)


def inputs_of(X: Any) -> Any:
    """Return the inputs of a data set: files, pictures of Pillow, arrays or texts."""
    return _values(X, _column(X, ("Image", "Audio"), INPUTS, "inputs"))


def is_column(X: Any) -> bool:
    """Tell whether something is one column of such a data set, which is read from it row by row."""
    return all(hasattr(X, name) for name in ("column_name", "source", "__len__", "__iter__"))


def column_values(X: Any) -> list[Any]:
    """Return the rows of a column; pictures and sounds as the files that they are."""
    return _values(X.source, X.column_name) if is_dataset(X.source) else list(X)


def as_files(values: Sequence[Any], column: str = "input") -> list[Any]:
    """Return what holds or names a whole file, see `embedded`, as that file, and anything else as it is."""
    return [
        value if (file := _file(value, column, number)) is None else file
        for number, value in enumerate(values)
    ]


def _values(X: Any, column: str) -> list[Any]:
    return as_files(list(_undecoded(X, column)[column]), column)


def _undecoded(X: Any, column: str) -> Any:
    """Return the data set with files in a column of pictures or sounds instead of what they hold."""
    feature = X.features.get(column)
    if type(feature).__name__ not in ("Image", "Audio") or not hasattr(X, "cast_column"):
        return X
    return X.cast_column(column, type(feature)(decode=False))


def _file(value: Any, column: str, number: int) -> Path | None:
    """Return the file that a value is, or that it names; None for anything else."""
    if isinstance(value, dict) and value.get("bytes") is None and isinstance(value.get("path"), str):
        return Path(value["path"])
    return embedded(value, Path(column), number)


def _column(X: Any, kinds: Sequence[str], names: Sequence[str], what: str) -> str:
    """Return the column of one of some types, else of one of some names."""
    of_kind = [name for name in X.column_names if type(X.features.get(name)).__name__ in kinds]
    if len(of_kind) == 1:
        return str(of_kind[0])
    among = of_kind or X.column_names
    chosen = next((name for name in names if name in among), None)
    if chosen is None:
        raise DataError(
            f"it isn't clear which column of the data set holds the {what}: it has {', '.join(X.column_names)}; "
            "give X and y, such as ds['image'] and ds['label']"
        )
    return chosen
