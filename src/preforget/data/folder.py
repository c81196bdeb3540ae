"""Read a folder of images or sounds, one sub-folder per class, with or without parts or folds above the classes."""

from __future__ import annotations

from pathlib import Path

from preforget.core.errors import DataError, UsageError
from preforget.data.assemble import Listed, assemble
from preforget.data.dataset import Dataset, Split, label_array
from preforget.data.layout import class_folders, find_layout
from preforget.data.listing import EXTENSIONS, Listing
from preforget.data.part_lists import lists_in, parts_by_lists
from preforget.data.part_split import split_note, take_from_train
from preforget.data.registry import DATASETS, DataFormat, DataOptions, refuse_folds

__all__ = ["ClassFolders", "load_folder", "split_note", "take_from_train"]


def load_folder(root: Path, options: DataOptions | None = None) -> Dataset:
    """Return the images, or the sounds, of `root` as lists of paths; class names are folder names, sorted.

    Each file is decoded once as a check. Images may lie at any depth below their class; the option `subjects`: the
    folder this many levels below the class names the subject of its images. Parts that are missing are taken from
    train, by class and seed, in the proportion 70/10/20. Raises `DataError` for a folder that is missing, unreadable or
    empty, for a class without images, for a class in val or test that train lacks, and for files that can't be used.
    """
    options = options or DataOptions()
    return assemble(list_folder(root, options), options)


def list_folder(root: Path, options: DataOptions) -> Listed:
    """Return the files of a folder with their classes, without opening one."""
    name = root.resolve().name
    listing = Listing()
    level = None if options.subjects is None else _level(options.subjects)
    layout = find_layout(root, listing, top_classes=options.top_classes, persons=level is not None)
    note = f"folder {name!r}"
    lists: dict[str, Path] = {}
    if layout.folds:
        splits, given, how = _by_folds(root, layout.folds, level, options, listing)
        note = f"{note}; {how}"
    else:
        refuse_folds(str(root), options)
        folders = layout.parts or {"train": root}
        splits = {part: _read_classes(folder, level, listing) for part, folder in folders.items()}
        given = list(layout.parts)
        if not given and (listed := parts_by_lists(root, splits["train"])):
            used = {path for split in listed.values() for path in split.paths}
            for path in splits["train"].paths:
                if path not in used:
                    listing.leave_out(path, "in no list")
            splits, given, lists = listed, list(listed), lists_in(root)
            note = f"{note}, with lists of files"
    for folder in {root, *layout.parts.values(), *layout.folds.values()}:
        listing.note_others(folder)
    for path in lists.values():  # they are read
        listing.left_out.pop(str(path), None)
    return Listed(
        root,
        name,
        splits,
        given,
        note,
        lambda part, position, what: _named_by(splits[part], position, what),
        "rename the folder",
        listing.counts(),
        _deeper(root, splits) if level is None and not options.top_classes else [],
    )


def _deeper(root: Path, splits: dict[str, Split]) -> list[str]:
    """Return a sentence if the data have a single class whose files all lie below folders of their own."""
    names = {label for split in splits.values() for label in split.labels}
    files = [path.relative_to(root) for split in splits.values() for path in split.paths]
    depth = 2 + (list(splits) != ["train"] or files[0].parts[0] not in names)
    if len(names) > 1 or any(len(file.parts) <= depth for file in files):
        return []
    return [
        f"{root}: there is one class, {next(iter(names))!r}, and its files lie in folders below, such as {files[0]}; "
        "if those folders are the classes, give the one that holds them"
    ]


@DATASETS.register("folder")
class ClassFolders(DataFormat):
    """A folder with a sub-folder for each class; tried last, since any folder may be one."""

    what = "a folder of images or sounds"
    uses = frozenset({"subjects", "folds", "split_by", "top_classes"})
    order = 100

    def reads(self, path: Path) -> bool:
        """Tell whether it is a folder."""
        return path.is_dir()

    def load(self, path: Path, options: DataOptions) -> Dataset:
        """Return the data set with the parts that it has, the others taken from train."""
        return load_folder(path, options)


def _by_folds(
    root: Path, folds: dict[int, Path], level: int | None, options: DataOptions, listing: Listing
) -> tuple[dict[str, Split], list[str], str]:
    """Return the parts train and test of fold folders that hold classes, by the options `fold` and `folds`."""
    used, test = chosen_folds(root, list(folds), options)
    read = {number: _read_classes(folds[number], level, listing) for number in used}
    learn = [number for number in used if number != test]
    how = f"folds, tested on {test}, learned from {', '.join(map(str, learn))}"
    return {"train": joined([read[number] for number in learn]), "test": read[test]}, ["train", "test"], how


def chosen_folds(source: object, existing: list[int], options: DataOptions) -> tuple[list[int], int]:
    """Return the folds to use and the one to test on; raises `UsageError` for one that doesn't exist."""
    used = existing if options.folds is None else sorted(set(options.folds))
    test = used[-1] if options.fold is None else options.fold
    for number in (*used, test):
        if number not in existing or number not in used:
            raise UsageError(
                f"fold {number} is not among the folds to use; {source} has {', '.join(map(str, existing))}"
            )
    if len(used) < 2:
        raise UsageError(f"one fold, {test}, can't be both learned from and tested on; use at least two")
    return used, test


def joined(splits: list[Split]) -> Split:
    """Return lists of files as one."""
    paths = [path for split in splits for path in split.paths]
    labels = label_array([label for split in splits for label in split.labels])
    subjects = [subject for split in splits if split.subjects is not None for subject in split.subjects]
    return Split(paths, labels, label_array(subjects) if subjects else None)


def _named_by(split: Split, position: int, what: str) -> str:
    return f"{split.paths[position]}: the name of the folder that gives its {'class' if what == 'label' else what}"


def _level(subjects: str | int) -> int:
    if isinstance(subjects, bool) or not str(subjects).isdecimal() or int(subjects) < 1:
        raise UsageError(
            f"subjects={subjects!r}: in a folder, give how many levels below its class a subject's folder lies: 1"
        )
    return int(subjects)


def _read_classes(folder: Path, subject_level: int | None, listing: Listing) -> Split:
    classes = class_folders(folder, listing)
    if not classes:
        raise DataError(f"{folder}: no sub-folders; make one sub-folder per class and put its images there")
    paths: list[Path] = []
    labels: list[str] = []
    subjects: list[str] = []
    for label, class_folder in sorted(classes.items()):
        # sorted as text: comparing paths is slow and keeps their parts in memory
        files = listing.all_files(class_folder)
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
