"""What the folders of a data set mean: parts of a split, folds, or classes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from preforget.core.errors import DataError
from preforget.data.listing import NO_CLASS, Listing
from preforget.data.part_names import part_in, parts_among
from preforget.data.part_split import SHARES

FOLD = re.compile(r"folds?[ _-]?(\d+)", re.IGNORECASE)

NO_CLASSES = frozenset({"_background_noise_"})
"""Folders that published sets put beside their classes and that are none."""


@dataclass(frozen=True)
class Layout:
    """`parts`: the folder of each part; or `folds`: the folder of each fold; both empty if folders are classes."""

    parts: dict[str, Path]
    folds: dict[int, Path]


def find_layout(root: Path, listing: Listing, *, top_classes: bool = False, persons: bool = False) -> Layout:
    """Tell what the folders of `root` mean.

    `top_classes`: whether the user says that they are classes; `persons`: whether folders of persons are below the
    classes, so that classes may hold folders of the same names. Raises `DataError` where they seem to be parts but
    can't be used as such.
    """
    folders = class_folders(root, listing)
    if top_classes:
        return Layout({}, {})
    inside = {name: set(class_folders(path, listing)) for name, path in folders.items()}
    folds = {int(match[1]): folders[name] for name in folders if (match := FOLD.fullmatch(name))}
    if len(folds) == len(folders) > 1 and all(inside.values()):
        return Layout({}, dict(sorted(folds.items())))
    named = parts_among(folders)
    others = sorted(set(folders) - set(named))
    if not named or (others and not any(inside[name] for name in named)):
        _refuse_same(root, inside, named, persons)
        return Layout({}, {})
    if others:
        several = len(set(named.values())) > 1 and all(inside[name] for name in named)
        if several and all(inside[name] <= {name} for name in others):
            for (
                name
            ) in others:  # such as pictures to be answered, which have no class, as in `seg_pred/seg_pred`
                for path in listing.all_files(folders[name]):
                    listing.leave_out(path, NO_CLASS)
        elif len(set(named.values())) == 1 and all(inside.values()):
            _refuse_same(root, inside, named, persons)
            return Layout({}, {})
        else:
            raise DataError(
                f"{root}: folders named like parts ({', '.join(sorted(named))}) "
                f"are mixed with others ({', '.join(others[:5])}); put every class below train, val and test, or "
                "none; if all of them are classes, say so with --top-classes (top_classes=True)"
            )
    return Layout(_parts(root, folders, named, listing), {})


def class_folders(folder: Path, listing: Listing) -> dict[str, Path]:
    """Return the sub-folders that can be classes, and note those that published sets put beside them."""
    folders = listing.folders(folder)
    for name in NO_CLASSES & folders.keys():
        for path in listing.all_files(folders.pop(name)):
            listing.leave_out(path, f"in {name}, which is no class")
    return folders


def _parts(root: Path, folders: dict[str, Path], named: dict[str, str], listing: Listing) -> dict[str, Path]:
    parts: dict[str, Path] = {}
    for name, part in sorted(named.items()):
        if part in parts:
            raise DataError(
                f"{root}: both {parts[part].name!r} and {name!r} hold the {part} part; keep one of them"
            )
        parts[part] = folders[name]
    if "train" not in parts:
        raise DataError(f"{root}: there is {' and '.join(parts)}, but no train folder; add one")
    return {part: _inner(parts[part], part, listing) for part in SHARES if part in parts}


def _inner(folder: Path, part: str, listing: Listing) -> Path:
    """Return the only folder below a part's that names the part again, as in `seg_train/seg_train`, else the part's."""
    below = class_folders(folder, listing)
    if len(below) == 1:
        (name,) = below
        again = part_in(name)
        if again is not None and again[0] == part and class_folders(below[name], listing):
            return below[name]
    return folder


def _refuse_same(root: Path, inside: dict[str, set[str]], named: dict[str, str], persons: bool) -> None:
    """Raise `DataError` if all folders hold the same sub-folders, as parts of a split do and classes seldom."""
    if (
        persons
        or len(inside) < 2
        or not all(inside.values())
        or len(set(map(frozenset, inside.values()))) > 1
    ):
        return
    common = sorted(next(iter(inside.values())))
    if len(common) > 1 or named:
        raise DataError(
            f"{root}: the folders {', '.join(sorted(inside)[:5])} all hold the same folders, "
            f"{', '.join(common[:5])}. If those are the classes, the ones above seem to be parts of a split: rename "
            "them to train, val and test. If those are persons, say so with --subjects 1; if the ones above are the "
            "classes whatever they hold, with --top-classes (top_classes=True)"
        )
