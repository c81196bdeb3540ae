"""Read `.npz` files in MedMNIST's layout: images and labels for train, val and test."""

from __future__ import annotations

import lzma
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.core.errors import DataError
from preforget.core.files import open_regular
from preforget.data.dataset import Dataset, Labels, Split, label_array, names_of, refuse_unlearnable
from preforget.data.duplicates import refuse_across_parts, repeated, sentences
from preforget.data.inputs import as_inputs
from preforget.data.labels import as_labels, as_texts, name_parts, noted
from preforget.data.looks import DARK, ONE_COLOUR, digests_of, share_of
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

    Images are uint8 `[n, h, w]` or `[n, h, w, 3]`; floats must lie in 0..1 and are scaled by 255.
    Labels are whole numbers `[n]` or `[n, 1]`, or 0 and 1 for several at once,
    `[n, conditions]`. A file named like a published set gets that set's class names,
    any other its numbers as text. `subjects`: read the subjects of images from `{train,val,test}_<subjects>`, text or
    whole numbers `[n]`. `allow_duplicates`: whether images of the same pixels may be in several parts.
    Nothing is unpickled. Raises `DataError` that names the file and the key.
    """
    known = edition(path.stem)
    keys = KEYS if subjects is None else (*KEYS, *(f"{part}_{subjects}" for part in PARTS))
    arrays = _read_arrays(path, keys)
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
    groups = _copies(named)
    refuse_across_parts(path, groups, allow_duplicates)
    remarks = (*remarks, *sentences(groups), *_odd(path, named))
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
        return load_npz(path, subjects)  # copies across its parts are counted and said


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


def _odd(path: Path, parts: dict[str, Split]) -> list[str]:
    """Return a sentence on images of one colour, or on pixels that look like floats from 0 to 1 that were cut."""
    highest = [
        split.inputs.max() for split in parts.values() if isinstance(split.inputs, np.ndarray) and len(split)
    ]
    if highest and max(highest) == 1:
        return [f"{path}: the images {DARK}"]
    plain = [
        f"{part}_images[{position}]"
        for part, split in parts.items()
        if isinstance(split.inputs, np.ndarray)
        for position in np.flatnonzero(_ends(split.inputs, np.min) == _ends(split.inputs, np.max))
    ]
    total = sum(map(len, parts.values()))
    return [f"{path}: {share_of(len(plain), total)} images {ONE_COLOUR}, such as {plain[0]}"] if plain else []


def _ends(images: npt.NDArray[np.uint8], end: Callable[..., Any]) -> Any:
    return end(images.reshape(len(images), -1), axis=1, initial=0 if end is np.max else 255)


def _copies(parts: dict[str, Split]) -> tuple[Repeated, ...]:
    """Return the images of the same pixels."""
    copies, digests = [], []
    for part, split in parts.items():
        looks = digests_of(split.inputs)
        for position, (look, label) in enumerate(zip(looks, split.labels, strict=True)):
            person = None if split.subjects is None else split.subjects[position]
            copies.append(Copy(f"{part}_images[{position}]", part, label, person))
            digests.append(b"" if look is None else look.digest)
    return repeated(copies, digests)


def _read_part(
    path: Path, arrays: dict[str, npt.NDArray[Any]], part: str, known: str | None, subjects: str | None
) -> Split:
    images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
    if images.dtype.kind not in "uif":  # text would pass as paths
        raise DataError(f"{path}: {part}_images are {images.dtype}, not numbers")
    if labels.dtype.names is not None or labels.dtype.kind == "V":
        raise DataError(f"{path}: {part}_labels are {labels.dtype}, not whole numbers")
    try:
        inputs = as_inputs(_unit_floats(images))
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


def _unit_floats(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Scale floats that lie in 0..1; leave everything else to `as_inputs`."""
    if images.dtype.kind != "f" or images.size == 0 or not (images.min() >= 0 and images.max() <= 1):
        return images
    return np.rint(images.astype(np.float64) * 255).astype(np.uint8)


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
