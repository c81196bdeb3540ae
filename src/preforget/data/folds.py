"""Sound sets with official folds: UrbanSound8K and ESC-50/ESC-10, in the layout in which they are published.

Salamon, Jacoby and Bello, ACM Multimedia 2014; Piczak, ACM Multimedia 2015. Their folds keep clips of one recording
together, so a test fold is never mixed with others: figures are comparable only over the official folds.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from preforget.core.errors import DataError, UsageError
from preforget.core.files import open_regular
from preforget.core.seeds import derive_seed
from preforget.data.dataset import Dataset, Split, label_array, refuse_unlearnable
from preforget.data.labels import one_name_each
from preforget.data.registry import DATASETS, DataFormat, DataOptions
from preforget.data.sounds import EXTENSIONS, refuse_unusable, unusable

URBAN = Path("metadata/UrbanSound8K.csv")
ESC = Path("meta/esc50.csv")
VALIDATION = 0.15
MAX_BYTES = 2**28
"""The largest table that is read."""
ESC_CLASS = re.compile(r"\d{3} - (.+)")
ESC_FILE = re.compile(r"(\d)-(.+?)-?[A-Z]?\.\w+")


@dataclass(frozen=True)
class Clip:
    """One file, its class, its official fold, and the recording that it was cut from."""

    path: Path
    label: str
    fold: int
    recording: str


def is_folded(root: Path) -> bool:
    """Tell whether a folder has the layout of a set with official folds."""
    return (root / URBAN).is_file() or (root / ESC).is_file() or bool(_esc10_folders(root))


def load_folded(
    root: Path,
    seed: int = 0,
    fold: int | None = None,
    folds: Sequence[int] | None = None,
    skip_broken: bool = False,
) -> Dataset:
    """Return a set whose test part is the official fold `fold` (the last by default); the others are learned from.

    `folds`: use only these, by default all. Validation takes whole recordings, about 15 % of each class's clips, from
    the folds that are learned from, by `seed`. Raises `UsageError` for a fold that doesn't exist,
    `DataError` for a table or sounds that can't be used, unless `skip_broken` leaves those out.
    """
    name, clips = _clips(root)
    labels, remarks = one_name_each(
        [clip.label for clip in clips],
        "label",
        lambda i: f"{clips[i].path}: its class",
        "name it in the table",
    )
    clips = [replace(clip, label=label) for clip, label in zip(clips, labels, strict=True)]
    existing = sorted({clip.fold for clip in clips})
    used = existing if folds is None else sorted(set(folds))
    test = used[-1] if fold is None else fold
    for number in (*used, test):
        if number not in existing or number not in used:
            raise UsageError(
                f"fold {number} is not among the folds to use; {root} has {', '.join(map(str, existing))}"
            )
    if len(used) < 2:
        raise UsageError(f"one fold, {test}, can't be both learned from and tested on; use at least two")
    clips = [clip for clip in clips if clip.fold in used]
    broken = unusable(clip.path for clip in clips)
    refuse_unusable(broken, skip_broken)
    bad = {path for path, _ in broken}
    clips = [clip for clip in clips if clip.path not in bad]
    learn = [clip for clip in clips if clip.fold != test]
    out = _held_out(learn, seed)
    note = f"{name}; official folds, tested on {test}, learned from {', '.join(str(n) for n in used if n != test)}"
    return refuse_unlearnable(
        Dataset(
            name,
            _split([clip for position, clip in enumerate(learn) if position not in out]),
            _split([clip for position, clip in enumerate(learn) if position in out]),
            _split([clip for clip in clips if clip.fold == test]),
            tuple(sorted({clip.label for clip in learn})),
            f"{note}; validation is whole recordings of the latter, seed {seed}",
            tuple(broken),
            tuple(remarks),
        )
    )


@DATASETS.register("folds")
class OfficialFolds(DataFormat):
    """A folder of UrbanSound8K or ESC as published."""

    what = "a sound set with official folds"
    uses = frozenset({"folds"})
    order = 10

    def reads(self, path: Path) -> bool:
        """Tell whether it is a folder with the official tables or names."""
        return path.is_dir() and is_folded(path)

    def load(self, path: Path, options: DataOptions) -> Dataset:
        """Return the set, split by its official folds."""
        return load_folded(path, options.seed, options.fold, options.folds, options.skip_broken)


def _held_out(clips: Sequence[Clip], seed: int) -> set[int]:
    """Choose whole recordings and return their positions; each class draws from its own stream, and one must stay."""
    chosen: set[int] = set()
    for label in sorted({clip.label for clip in clips}):
        positions: dict[str, list[int]] = {}
        for position, clip in enumerate(clips):
            if clip.label == label:
                positions.setdefault(clip.recording, []).append(position)
        order = sorted(positions)
        np.random.default_rng(derive_seed(seed, "recordings", label)).shuffle(order)
        enough = VALIDATION * sum(map(len, positions.values()))
        held_out: list[int] = []
        for recording in order[1:]:
            if len(held_out) + len(positions[recording]) / 2 < enough or not held_out:
                held_out += positions[recording]
        chosen.update(held_out)
    return chosen


def _clips(root: Path) -> tuple[str, list[Clip]]:
    if (root / URBAN).is_file():
        rows = _rows(root / URBAN, ("slice_file_name", "fsID", "fold", "class"))
        return "UrbanSound8K", [
            Clip(
                root / "audio" / f"fold{row['fold']}" / row["slice_file_name"],
                row["class"],
                _number(row["fold"], root / URBAN),
                row["fsID"],
            )
            for row in rows
        ]
    if (root / ESC).is_file():
        ten = "esc10" in root.resolve().name.lower().replace("-", "")
        rows = _rows(root / ESC, ("filename", "fold", "category", "esc10", "src_file"))
        return "ESC-10" if ten else "ESC-50", [
            Clip(
                root / "audio" / row["filename"],
                row["category"],
                _number(row["fold"], root / ESC),
                row["src_file"],
            )
            for row in rows
            if not ten or row["esc10"].strip().lower() == "true"
        ]
    clips = []
    for label, folder in _esc10_folders(root).items():
        for path in sorted(folder.iterdir()):
            match = ESC_FILE.fullmatch(path.name)
            if match and path.suffix.lower() in EXTENSIONS:
                clips.append(Clip(path, label, int(match[1]), match[2]))
    if not clips:
        raise DataError(f"{root}: no clips named like 1-12345-A.ogg below its class folders")
    return "ESC-10" if len({clip.label for clip in clips}) == 10 else "ESC-50", clips


def _esc10_folders(root: Path) -> dict[str, Path]:
    """Return the class folders of the older layout, `001 - Dog bark` and so on; empty if there are others too."""
    folders = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    classes = {match[1]: path for path in folders if (match := ESC_CLASS.fullmatch(path.name))}
    return classes if len(classes) == len(folders) else {}


def _rows(table: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    try:
        with io.TextIOWrapper(open_regular(table, MAX_BYTES), "utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                raise DataError(
                    f"{table}: has no column {missing[0]!r}; the official table has {', '.join(columns)}"
                )
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: can't be read: {error}") from error
    for number, row in enumerate(rows, start=2):
        if any(not row[column] for column in columns):
            raise DataError(f"{table}: line {number} lacks a value; get the official table again")
    if not rows:
        raise DataError(f"{table}: lists no clip")
    return rows


def _number(text: str, table: Path) -> int:
    if not text.isdecimal():
        raise DataError(f"{table}: fold {text!r} is not a whole number")
    return int(text)


def _split(clips: Sequence[Clip]) -> Split:
    return Split([clip.path for clip in clips], label_array([clip.label for clip in clips]))
