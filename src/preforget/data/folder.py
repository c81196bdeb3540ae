"""Read a folder of images or sounds, one sub-folder per class, with or without train/val/test above the classes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from preforget.core.errors import DataError, UsageError
from preforget.data.dataset import Dataset, Split, label_array
from preforget.data.images import EXTENSIONS as IMAGES
from preforget.data.parts import PARTS, SHARES, finished
from preforget.data.registry import DATASETS, DataFormat, DataOptions
from preforget.data.sounds import EXTENSIONS as SOUNDS

EXTENSIONS = IMAGES | SOUNDS


def load_folder(
    root: Path, seed: int = 0, subject_level: int | None = None, skip_broken: bool = False
) -> Dataset:
    """Return the images, or the sounds, of `root` as lists of paths; class names are folder names, sorted.

    Sounds are decoded once as a check; `skip_broken` leaves out those that can't be used.

    Images may lie at any depth below their class; `subject_level`: the folder this many levels below the class
    names the subject of its images. Hidden files and files that aren't images are left out.
    Parts that are missing are taken from train, by class and `seed`, in the proportion 70/10/20.
    A single class is read, too: it may be all that a model still knows, or the one to add. Raises `DataError` for a
    folder that is missing, unreadable or empty, for a class without images, and for a class in val or test that train
    lacks.
    """
    name = root.resolve().name
    parts = _find_parts(root, _folders(root))
    part_folders = parts or {"train": root}
    splits = {part: _read_classes(folder, subject_level) for part, folder in part_folders.items()}
    return finished(
        root,
        name,
        splits,
        locate=lambda part, position, what: _named_by(splits[part], position, what),
        remedy="rename the folder",
        origin=f"folder {name!r}",
        divided=bool(parts),
        seed=seed,
        skip_broken=skip_broken,
    )


@DATASETS.register("folder")
class ClassFolders(DataFormat):
    """A folder with a sub-folder for each class; tried last, since any folder may be one."""

    what = "a folder of images or sounds"
    uses = frozenset({"subjects"})
    order = 100

    def reads(self, path: Path) -> bool:
        """Tell whether it is a folder."""
        return path.is_dir()

    def load(self, path: Path, options: DataOptions) -> Dataset:
        """Return the data set with the parts that it has, the others taken from train."""
        level = None if options.subjects is None else _level(options.subjects)
        return load_folder(path, options.seed, level, options.skip_broken)


def _named_by(split: Split, position: int, what: str) -> str:
    path = split.inputs[position] if isinstance(split.inputs, list) else position
    return f"{path}: the name of the folder that gives its {'class' if what == 'label' else what}"


def _level(subjects: str | int) -> int:
    if isinstance(subjects, bool) or not str(subjects).isdecimal() or int(subjects) < 1:
        raise UsageError(
            f"subjects={subjects!r}: in a folder, give how many levels below its class a subject's folder lies: 1"
        )
    return int(subjects)


def _find_parts(root: Path, folders: dict[str, Path]) -> dict[str, Path]:
    """Map train, val and test to their folders; empty if the folders are classes."""
    named = [name for name in folders if name.lower() in PARTS]
    others = sorted(set(folders) - set(named))
    if not named or (others and not any(_folders(folders[name]) for name in named)):
        return {}
    if others:
        raise DataError(
            f"{root}: folders named like parts ({', '.join(sorted(named))}) "
            f"are mixed with others ({', '.join(others[:5])}); put every class below train, val and test, or none"
        )
    parts: dict[str, Path] = {}
    for name in sorted(named):
        part = PARTS[name.lower()]
        if part in parts:
            raise DataError(
                f"{root}: both {parts[part].name!r} and {name!r} hold the {part} part; keep one of them"
            )
        parts[part] = folders[name]
    if "train" not in parts:
        raise DataError(f"{root}: there is {' and '.join(parts)}, but no train folder; add one")
    return {part: parts[part] for part in SHARES if part in parts}


def _read_classes(folder: Path, subject_level: int | None) -> Split:
    classes = _folders(folder)
    if not classes:
        raise DataError(f"{folder}: no sub-folders; make one sub-folder per class and put its images there")
    paths: list[Path] = []
    labels: list[str] = []
    subjects: list[str] = []
    for label, class_folder in sorted(classes.items()):
        # sorted as text: comparing paths is slow and keeps their parts in memory
        files = sorted(_image_files(str(class_folder), ()))
        if not files:
            endings = " ".join(sorted(EXTENSIONS))
            raise DataError(
                f"{class_folder}: no image in this class folder, nor a sound; add some ({endings}) or remove the folder"
            )
        paths += map(Path, files)
        labels += [label] * len(files)
        if subject_level is not None:
            subjects += [_subject(path, str(class_folder), subject_level) for path in files]
    return Split(paths, label_array(labels), None if subject_level is None else label_array(subjects))


def _subject(path: str, class_folder: str, level: int) -> str:
    """Return the name of the folder `level` levels below a class's folder in which an image lies."""
    parts = Path(path).relative_to(class_folder).parts
    if len(parts) <= level:
        raise DataError(
            f"{path}: no folder of a subject, {level} below the class; put the image into one, or give another level"
        )
    return parts[level - 1]


DEEPEST = 100
"""The most levels of folders below a class."""


def _image_files(folder: str, above: tuple[str, ...]) -> Iterator[str]:
    if len(above) > DEEPEST:
        raise DataError(f"{folder}: folders are nested more than {DEEPEST} deep; flatten them")
    real = os.path.realpath(folder)
    if real in above:
        raise DataError(f"{folder}: a symbolic link that leads back to a folder above it; remove the link")
    for entry in _entries(folder):
        if _is_folder(entry):
            yield from _image_files(entry.path, (*above, real))
        elif os.path.splitext(entry.name)[1].lower() in EXTENSIONS:  # noqa: PTH122 (a Path each takes three times as long)
            if not entry.is_file():
                raise DataError(f"{entry.path}: a symbolic link that leads nowhere; remove or repair it")
            yield entry.path


def _folders(folder: Path) -> dict[str, Path]:
    return {entry.name: Path(entry.path) for entry in _entries(folder) if _is_folder(entry)}


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    """Return the entries that aren't hidden: not `.git`, nor the `._` files and `__MACOSX` of a Mac's archives."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith((".", "__MACOSX"))]
    except OSError as error:
        raise DataError(f"{folder}: can't be read as a folder of images: {error.strerror}") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        raise DataError(f"{entry.path}: can't be followed: {error.strerror}") from error
