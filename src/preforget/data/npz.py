"""Read `.npz` files in MedMNIST's layout: images and labels for train, val and test."""

from __future__ import annotations

import lzma
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.core.errors import DataError
from preforget.core.files import open_regular
from preforget.data.dataset import Dataset, Labels, Split, label_array, names_of, refuse_unlearnable
from preforget.data.duplicates import refuse_across_parts, repeated, sentences
from preforget.data.float_pixels import FLOATS, levels_of
from preforget.data.inputs import as_inputs
from preforget.data.labels import as_labels, as_texts, name_parts, noted
from preforget.data.looks import look_in_memory, oddities, share_of
from preforget.data.medmnist import PUBLISHED, RECORD, edition, known_md5, md5_of
from preforget.data.multilabel import as_label_sets
from preforget.data.registry import DATASETS, DataFormat, DataOptions
from preforget.data.repeated import Copy, Repeated

MAX_BYTES = 2**40
"""The largest archive that is read: its arrays are held in memory."""

PARTS = ("train", "val", "test")
KEYS = tuple(f"{part}_{what}" for part in PARTS for what in ("images", "labels"))


def load_npz(path: Path, subjects: str | None = None, allow_duplicates: bool = True) -> Dataset:
    """Return the three parts of a file with `{train,val,test}_images` and `_labels`.

    Images are uint8 `[n, h, w]` or `[n, h, w, 3]`; floats from 0 to 1 are scaled by 255, and those that
    plainly are from 0 to 255 are rounded, which is said.
    Labels are whole numbers `[n]` or `[n, 1]`, or 0 and 1 for several at once,
    `[n, conditions]`. A file named like a published set gets that set's class names,
    any other its numbers as text. `subjects`: read the subjects of images from `{train,val,test}_<subjects>`, text or
    whole numbers `[n]`. `allow_duplicates`: whether images of the same pixels may be in several parts.
    Nothing is unpickled. Raises `DataError` that names the file and the key.
    """
    known = edition(path.stem)
    keys = KEYS if subjects is None else (*KEYS, *(f"{part}_{subjects}" for part in PARTS))
    arrays = _read_arrays(path, keys)
    floats = _whole_numbers(arrays)
    parts = [_read_part(path, arrays, part, known[0] if known else None, subjects) for part in PARTS]
    named, remarks = name_parts(
        dict(zip(PARTS, parts, strict=True)),
        lambda part, position, what: (
            f"{path}: {part}_{subjects if what == 'subject' else 'labels'}[{position}]"
        ),
        "name one or leave the image out",
    )
    parts = list(named.values())
    shapes = {split.inputs.shape[1:] for split in parts if isinstance(split.inputs, np.ndarray)}
    if len(shapes) > 1:
        raise DataError(
            f"{path}: images of different shapes, {' and '.join(map(str, sorted(shapes)))}; use one"
        )
    train, validation, test = parts
    present = set(names_of(train.labels))
    if not present:
        raise DataError(f"{path}: train_labels mark no image with any label; there is nothing to learn")
    order = PUBLISHED[known[0]].classes if known else sorted(present, key=_number_first)
    classes = tuple(label for label in order if label in present)
    groups, odd = _look(named)
    refuse_across_parts(path, groups, allow_duplicates)
    remarks = (*remarks, *sentences(groups), *(f"{path}: {sentence}" for sentence in (*floats, *odd)))
    note = noted(_note(path, known), remarks)
    return refuse_unlearnable(
        Dataset(path.stem, train, validation, test, classes, note, remarks=remarks, repeated=groups)
    )


@DATASETS.register("npz")
class NumpyArchive(DataFormat):
    """An archive of arrays in MedMNIST's layout."""

    what = "an .npz"
    uses = frozenset({"subjects"})
    order = 20

    def reads(self, path: Path) -> bool:
        """Tell whether it is a file called `.npz`."""
        return path.is_file() and path.suffix == ".npz"

    def load(self, path: Path, options: DataOptions) -> Dataset:
        """Return the data set; `subjects` names arrays, as in `train_<subjects>`."""
        subjects = None if options.subjects is None else str(options.subjects)
        # The parts of a published set are others' choice, so that copies across them are counted and said.
        published = edition(path.stem) is not None
        return load_npz(path, subjects, options.allow_duplicates or published)


def _read_arrays(path: Path, keys: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    key = ""
    try:
        with open_regular(path, MAX_BYTES) as raw:
            if not zipfile.is_zipfile(raw):
                raise DataError(f"{path}: not a readable .npz archive; save one with {', '.join(keys)}")
            raw.seek(0)
            archive = np.load(raw, allow_pickle=False)
            missing = [name for name in keys if name not in archive]
            if missing:
                raise DataError(f"{path}: has no {', '.join(missing)}; the layout needs {', '.join(keys)}")
            arrays = {}
            for key in keys:
                arrays[key] = archive[key]
                if not isinstance(arrays[key], np.ndarray) or arrays[key].ndim == 0:
                    raise ValueError("it is not an array with one entry per image")
            return arrays
    except MemoryError as error:
        raise DataError(f"{path}: {key} takes more memory than there is; use a smaller part") from error
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path}: can't be read: {error.strerror or error}") from error
    except (
        ValueError,
        EOFError,
        KeyError,
        SyntaxError,
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        TypeError,
        OverflowError,
        RuntimeError,  # an encrypted entry
        tokenize.TokenError,
        lzma.LZMAError,
    ) as error:
        problem = f"{key} can't be read" if key else "not a readable .npz archive"
        raise DataError(
            f"{path}: {problem}: {error}; save plain arrays with numpy.savez_compressed"
        ) from error


def _look(parts: dict[str, Split]) -> tuple[tuple[Repeated, ...], list[str]]:
    """Return the images that are alike, and sentences on odd ones."""
    copies, looks = [], []
    for part, split in parts.items():
        looks += look_in_memory(split.inputs)
        for position, label in enumerate(split.labels):
            person = None if split.subjects is None else split.subjects[position]
            copies.append(Copy(f"{part}_images[{position}]", part, label, person))
    seen = [look for look in looks if look is not None]
    groups = repeated(copies, [look.digest for look in seen], [look.thumb for look in seen])
    return groups, oddities([str(copy.place) for copy in copies], looks, "images")


def _read_part(
    path: Path, arrays: dict[str, npt.NDArray[Any]], part: str, known: str | None, subjects: str | None
) -> Split:
    images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
    if images.dtype.kind not in "uif":  # text would pass as paths
        raise DataError(f"{path}: {part}_images are {images.dtype}, not numbers")
    if labels.dtype.names is not None or labels.dtype.kind == "V":
        raise DataError(f"{path}: {part}_labels are {labels.dtype}, not whole numbers")
    try:
        inputs = as_inputs(images)
    except DataError as error:
        raise DataError(f"{path}: {part}_images: {error}") from error
    try:
        names = _read_labels(labels, known)
    except DataError as error:
        raise DataError(f"{path}: {part}_labels: {error}") from error
    if len(inputs) != len(names):
        raise DataError(f"{path}: {len(inputs)} {part}_images but {len(names)} {part}_labels")
    if subjects is None:
        return Split(inputs, names)
    try:
        return Split(inputs, names, as_texts(arrays[f"{part}_{subjects}"], "subject"))
    except DataError as error:
        raise DataError(f"{path}: {part}_{subjects}: {error}") from error


def _whole_numbers(arrays: dict[str, npt.NDArray[Any]]) -> list[str]:
    """Bring floats from 0 to 1, or plainly from 0 to 255, in all parts alike to bytes; say so of the latter.

    What is neither is left to `as_inputs`, which says what is wrong with it. An all black part says nothing of a scale.
    """
    images = {key: arrays[key] for key in (f"{part}_images" for part in PARTS)}
    floats = {key: array for key, array in images.items() if array.dtype.kind == "f" and array.size}
    if all(array.min() >= 0 and array.max() <= 1 for array in floats.values()):
        for key, array in floats.items():
            arrays[key] = np.rint(array.astype(np.float64) * 255).astype(np.uint8)
        return []
    if all(levels_of(array) is None or not array.any() for array in floats.values()):
        return []
    fitting = {key: array for key, array in floats.items() if array.min() >= 0 and array.max() <= 255}
    for key, array in fitting.items():
        arrays[key] = np.rint(array).astype(np.uint8)
    count, total = (sum(map(len, some.values())) for some in (fitting, images))
    return [f"{share_of(count, total, 'images')} {FLOATS}, such as {next(iter(fitting))}[0]"]


def _read_labels(labels: npt.NDArray[Any], known: str | None) -> Labels:
    if labels.ndim == 2 and labels.shape[1] > 1:
        return as_label_sets(labels, PUBLISHED[known].classes if known else None)
    names = as_labels(labels)
    if labels.dtype.kind not in "iu":
        raise DataError(f"labels are {labels.dtype}, not whole numbers; count the classes from 0")
    if labels.size and labels.min() < 0:
        raise DataError(f"label {labels.min()} is negative; count the classes from 0")
    if known is None:
        return names
    classes = PUBLISHED[known].classes
    if labels.size and labels.max() >= len(classes):
        raise DataError(
            f"label {labels.max()}, but {PUBLISHED[known].title} has {len(classes)} classes; rename the file"
        )
    return label_array([classes[int(name)] for name in names])


def _number_first(label: str) -> tuple[int, str]:
    return len(label), label


def _note(path: Path, known: tuple[str, int] | None) -> str:
    if known is None:
        return f"file {path.name!r}; split as found in the file"
    published = PUBLISHED[known[0]]
    if md5_of(path) == known_md5(*known):
        return f"{published.title}, MedMNIST, Zenodo record {RECORD}, {published.licence}; official split"
    return (
        f"file {path.name!r}; class names of {published.title}, but not the published file: "
        "images, split and licence may differ"
    )
