"""Check inputs and labels that a user hands in, and bring them to one form."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from preforget.core.errors import DataError, UsageError
from preforget.core.paths import given_path, shortened
from preforget.data.content_names import named_by_content, wants_each
from preforget.data.dataset import Images, Labels, Sounds, Split
from preforget.data.embedded import EmbeddedFile
from preforget.data.float_pixels import FLOATS, FloatPixelsWarning, levels_of
from preforget.data.hf_dataset import as_files, column_values, inputs_of, is_column, is_dataset, split_of
from preforget.data.labels import as_labels, is_name
from preforget.data.multilabel import as_label_sets, check_conditions, holds_sets
from preforget.data.one_hot import from_frame
from preforget.data.pixels import to_rgb
from preforget.data.texts import Texts, texts_of
from preforget.data.vectors import Vectors, as_vectors

IMAGES = "images"
VECTORS = "vectors"
TEXTS = "texts"
"""The kinds of encoders whose inputs are rows of numbers, or texts; every other kind reads images, sounds or files."""


class CutNumbersWarning(UserWarning):
    """Images hold no value above 1, as if numbers from 0 to 1 had been cut to whole ones."""


SHAPES = "[n, height, width], [n, height, width, 1] or [n, height, width, 3]"


def as_split(
    X: Any, y: Any = None, subjects: Any = None, conditions: Any = None, *, kind: str = IMAGES
) -> Split:
    """Return checked inputs, labels and subjects as a `Split`; a `Split` without `y` is checked in the same way.

    `y`: one label per input; or several: a 0/1 matrix, whose columns `conditions` names, or a list of label lists.
    `subjects`: None if they aren't known, one name per input, or `"each"`, see `named_by_content`; `kind`: see
    `as_inputs`. Raises `DataError` as `as_inputs` and `as_labels` do, or if the lengths differ.
    """
    if wants_each(subjects):
        return named_by_content(as_split(X, y, None, conditions, kind=kind))
    if is_dataset(X) and y is None:
        X = split_of(X)
    if isinstance(X, Split):
        if y is not None:
            raise UsageError("the inputs have labels already; leave y out")
        return _checked(X if subjects is None else replace(X, subjects=subjects), conditions, kind)
    if y is None:
        raise UsageError("labels are missing: give y, one class name per input")
    inputs, labels = as_inputs(X, kind), _labels(y, conditions)
    if isinstance(inputs, np.ndarray) and inputs.size and inputs.max() == 1 and _vary(inputs):
        warnings.warn(
            f"all {len(inputs):,} images hold no value above 1, as if numbers from 0 to 1 had been cut to whole ones; "
            'if so, write (X * 255).round().astype("uint8") before',
            CutNumbersWarning,
            stacklevel=3,
        )
    if len(inputs) != len(labels):
        raise DataError(f"{len(inputs)} inputs but {len(labels)} labels; each input needs one label")
    return Split(inputs, labels, None if subjects is None else as_labels(subjects, "subject"))


def _vary(images: npt.NDArray[np.uint8]) -> bool:
    """Tell whether an image holds different values."""
    rows = images.reshape(len(images), -1)
    return bool((rows != rows[:, :1]).any())


def _checked(split: Split, conditions: Any, kind: str) -> Split:
    """Return a `Split` from any source, checked and converted; the same object if nothing needs to change."""
    if not len(split):
        return split
    inputs = as_inputs(split.inputs, kind)
    labels = split.labels if _are_names(split.labels) else _labels(split.labels, conditions)
    subjects = split.subjects
    if subjects is not None and not _are_names(subjects, "subject"):
        subjects = as_labels(subjects, "subject")
    if isinstance(inputs, list) and inputs == split.inputs:
        inputs = split.inputs
    same = inputs is split.inputs and labels is split.labels and subjects is split.subjects
    return split if same else Split(inputs, labels, subjects)


def _are_names(labels: Any, what: str = "label") -> bool:
    """Tell whether these labels already have the form that `as_labels` gives them."""
    if not isinstance(labels, np.ndarray) or labels.dtype != object or labels.ndim != 1:
        return False
    values = labels.tolist()
    return all(type(label) is str for label in values) and all(is_name(label, what) for label in set(values))


def _labels(y: Any, conditions: Any) -> Labels:
    return as_label_sets(y, conditions) if conditions is not None or holds_sets(y) else as_labels(y)


def as_inputs(X: Any, kind: str = IMAGES) -> Images:
    """Return inputs: images as uint8 `[n, h, w]` or `[n, h, w, 3]`, `Sounds`, `Vectors`, or a list of paths that exist.

    Accepts `Sounds`, such an array (a last axis of 1 is dropped; other integers may lie in 0..255, and floats that
    plainly do are rounded with a `FloatPixelsWarning`, see `levels_of`), a list of paths, a list of arrays or of
    pictures of Pillow of one size, a list of `{"bytes": ..., "path": ...}`, a column of pandas or of the library
    `datasets`, or a `Split`. `kind`: what the encoder reads; only for `vectors` numbers `[n, d]` are accepted, see
    `as_vectors`, and only for `texts` a list of texts.
    Raises `DataError` that says what to change.
    """
    if isinstance(X, Split):
        return as_inputs(X.inputs, kind) if len(X) else X.inputs
    if isinstance(X, Sounds | Vectors | Texts):
        return X
    if is_dataset(X):
        X = inputs_of(X)
    elif is_column(X):
        X = column_values(X)
    if kind == TEXTS:
        return texts_of(X)
    if kind == VECTORS:
        return as_vectors(X)
    if not isinstance(X, np.ndarray):
        X, _ = from_frame(X)
    if isinstance(X, str | Path):
        raise DataError(f"{shortened(X)!r} is one path; put it into a list, or read a folder with load_data")
    if isinstance(X, np.ndarray) and X.dtype.kind not in "OUS":
        return _check_array(X)
    if not isinstance(X, list | tuple | np.ndarray):
        remedy = "; write X.numpy()" if hasattr(X, "numpy") else ""
        raise DataError(
            f"images come as a numpy array or as a list of paths, not as {type(X).__name__}{remedy}"
        )
    if isinstance(X, np.ndarray) and X.ndim == 0:
        raise DataError(f"an array of shape () is one value; images come as a list of paths or as {SHAPES}")
    if len(X) == 0:
        raise DataError("there are no inputs: the list is empty")
    items = as_files(list(X))
    if all(isinstance(item, str | Path) for item in items):
        return [_check_path(item) for item in items]
    items = [_pixels(item) if isinstance(item, Image.Image) else item for item in items]
    if all(isinstance(item, np.ndarray) for item in items):
        return _check_array(_stack(items))
    missing = [position for position, item in enumerate(items) if item is None]
    if missing:
        raise DataError(f"the input at position {missing[0]} is missing; leave it out")
    kinds = ", ".join(sorted({type(item).__name__ for item in items}))
    raise DataError(f"a list of images holds either paths or numpy arrays, not {kinds}")


def check_trainable(split: Split, minimum: int = 2, classes: int = 2) -> None:
    """Raise `DataError` unless there are at least `classes` classes with at least `minimum` inputs each."""
    if split.multilabel:
        check_conditions(split.labels, minimum)
        return
    counts = Counter(split.labels.tolist())
    if not counts:
        raise DataError("there are no inputs to learn from")
    if len(counts) < classes:
        raise DataError(
            f"only one class: {next(iter(counts))!r}; learning needs at least two, in a folder a sub-folder for each"
        )
    small = sorted((label, count) for label, count in counts.items() if count < minimum)
    if small:
        names = ", ".join(f"{label!r} has {count}" for label, count in small[:10])
        more = f" and {len(small) - 10} classes more" if len(small) > 10 else ""
        raise DataError(f"each class needs at least {minimum} inputs; {names}{more}")


def _check_array(X: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    _check_shape(X)
    if X.dtype != np.uint8:
        X = _to_bytes(X)
    return X[..., 0] if X.ndim == 4 and X.shape[3] == 1 else X


def _check_shape(X: npt.NDArray[Any]) -> None:
    shape = X.shape
    if X.ndim == 2 or (X.ndim == 3 and shape[2] in (1, 3)):
        vectors = "" if X.dtype.kind != "f" else '; for rows of features give backbone="features"'
        raise DataError(
            f"an array of shape {shape} is one image; write X[None], since images come as {SHAPES}{vectors}"
        )
    if X.ndim not in (3, 4):
        raise DataError(f"an array of shape {shape} holds no images; images come as {SHAPES}")
    if shape[0] == 0:
        raise DataError(f"there are no images: the array has shape {shape}")
    if X.ndim == 4 and shape[3] not in (1, 3):
        hint = "; colours come last: write X.transpose(0, 2, 3, 1)" if shape[1] in (1, 3) else ""
        hint = "; drop transparency: write X[..., :3]" if shape[3] == 4 else hint
        raise DataError(f"an array of shape {shape} has {shape[3]} channels; images come as {SHAPES}{hint}")
    if 0 in shape:
        raise DataError(f"an array of shape {shape} holds images without pixels")


def _to_bytes(X: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if X.dtype.kind == "f":
        bad = int((~np.isfinite(X)).sum())
        if bad:
            raise DataError(
                f"{bad} pixel values are NaN or infinite; replace them and convert to uint8, 0..255"
            )
        levels = levels_of(X)
        if levels is not None:
            warnings.warn(f"all {len(X):,} images {FLOATS}", FloatPixelsWarning, stacklevel=5)
            return levels
        low, high = float(X.min()), float(X.max())
        scaled = "(X * 255).round()"
        if low < 0 or high > 1:  # by fixed numbers, since those of another batch would differ
            scaled = f"(255 * (X - {low:g}) / {high - low or 1:g}).round()"
        raise DataError(
            f"pixels are {X.dtype} from {low:g} to {high:g}, and what is white isn't known; convert all of your images "
            f'alike to uint8 from 0 to 255, for example with {scaled}.astype("uint8")'
        )
    if X.dtype.kind not in "iu":
        raise DataError(f"pixels are {X.dtype}, not uint8 from 0 to 255; convert them first")
    if X.min() < 0 or X.max() > 255:
        raise DataError(
            f"pixels are {X.dtype} from {X.min()} to {X.max()}; scale them to uint8, 0..255, first"
        )
    return X.astype(np.uint8)


def _check_path(path_or_text: str | Path) -> Path:
    if isinstance(path_or_text, EmbeddedFile):
        return path_or_text
    path = given_path(path_or_text)
    try:
        if path.is_file():
            return path
        is_folder = path.is_dir()
    except OSError as error:  # such as text that is too long for a name
        raise DataError(f"{shortened(path)!r} is not the path of a file: {error.strerror or error}") from None
    if is_folder:
        raise DataError(f"{path} is a folder, not an image; read a folder with load_data")
    raise DataError(f"{shortened(path, 300)}: no such file")


def _pixels(picture: Image.Image) -> npt.NDArray[np.uint8]:
    """Return a picture of Pillow, as the library `datasets` gives it, as RGB pixels."""
    return np.array(to_rgb(picture, Path("a picture"))[0])


def _stack(items: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    shapes = {item.shape for item in items}
    if len(shapes) > 1:
        sizes = " and ".join(map(str, sorted(shapes, key=str)[:2]))
        raise DataError(f"images of different shapes, {sizes}; resize them to one, or give paths of files")
    return np.stack(items)
