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
from preforget.data.assemble import Listed, assemble
from preforget.data.counts import LEAST
from preforget.data.dataset import Dataset, Split, label_array
from preforget.data.folder import chosen_folds
from preforget.data.registry import DATASETS, DataFormat, DataOptions
from preforget.data.sounds import EXTENSIONS

URBAN = Path("metadata/UrbanSound8K.csv")
ESC = Path("meta/esc50.csv")
URBAN_COLUMNS = ("slice_file_name", "fsID", "fold", "class")
ESC_COLUMNS = ("filename", "fold", "category", "esc10", "src_file")
VALIDATION = 0.15
MAX_BYTES = 2**28
"""The largest table that is read."""
ESC_CLASS = re.compile(r"\d{3} - (.+)")
ESC_FILE = re.compile(r"(\d)-(.+?)-?[A-Z]?\.\w+")


@dataclass(frozen=True)
class Clip:
    """One file, its class, its official fold, the recording that it was cut from, and whom it is of, if asked."""

    path: Path
    label: str
    fold: int
    recording: str
    subject: str | None = None


def is_folded(root: Path) -> bool:
    """Tell whether a folder has the layout of a set with official folds."""
    return (root / URBAN).is_file() or (root / ESC).is_file() or bool(_esc10_folders(root))


def load_folded(root: Path, options: DataOptions | None = None) -> Dataset:
    """Return a set whose test part is the official fold `fold` (the last by default); the others are learned from.

    The option `folds`: use only these, by default all. `subjects`: the column of the official table that says whom a
    clip is of. Validation takes whole recordings, about 15 % of each class's clips, from the folds that are learned
    from, by seed. Raises `UsageError` for a fold or a column that doesn't exist, `DataError` for a table or sounds that
    can't be used, unless `skip_broken` leaves those out.
    """
    options = options or DataOptions()
    name, clips = _clips(root, None if options.subjects is None else str(options.subjects))
    used, test = chosen_folds(root, sorted({clip.fold for clip in clips}), options)
    clips = [clip for clip in clips if clip.fold in used]
    learn = [clip for clip in clips if clip.fold != test]
    out, alone = _held_out(learn, options.seed)
    parts = {
        "train": [clip for position, clip in enumerate(learn) if position not in out],
        "val": [clip for position, clip in enumerate(learn) if position in out],
        "test": [clip for clip in clips if clip.fold == test],
    }
    learned_from = ", ".join(str(number) for number in used if number != test)
    return assemble(
        Listed(
            root,
            name,
            {part: _split(chosen) for part, chosen in parts.items()},
            None,
            f"{name}; official folds, tested on {test}, learned from {learned_from}; validation is whole recordings of "
            f"the latter, seed {options.seed}",
            lambda part, position, what: (
                f"{parts[part][position].path}: its {'class' if what == 'label' else what}"
            ),
            "name it in the table",
            remarks=[
                f"class {label!r} has clips of a single recording to learn from: those that are held out are of it, too"
                for label in alone
            ],
        ),
        replace(options, allow_duplicates=True),  # a published set is as it is
    )


@DATASETS.register("folds")
class OfficialFolds(DataFormat):
    """A folder of UrbanSound8K or ESC as published."""

    what = "a sound set with official folds"
    uses = frozenset({"folds", "subjects"})
    order = 10

    def reads(self, path: Path) -> bool:
        """Tell whether it is a folder with the official tables or names."""
        return path.is_dir() and is_folded(path)

    def load(self, path: Path, options: DataOptions) -> Dataset:
        """Return the set, split by its official folds."""
        return load_folded(path, options)


def _held_out(clips: Sequence[Clip], seed: int) -> tuple[set[int], list[str]]:
    """Choose whole recordings and return their positions; each class draws from its own stream, and one must stay.

    Of a class with a single recording a share of its clips is chosen; these classes are returned, too.
    """
    chosen: set[int] = set()
    alone: list[str] = []
    for label in sorted({clip.label for clip in clips}):
        positions: dict[str, list[int]] = {}
        for position, clip in enumerate(clips):
            if clip.label == label:
                positions.setdefault(clip.recording, []).append(position)
        order = sorted(positions)
        np.random.default_rng(derive_seed(seed, "recordings", label)).shuffle(order)
        enough = VALIDATION * sum(map(len, positions.values()))
        held_out: list[int] = []
        if len(order) == 1 and len(positions[order[0]]) > LEAST:
            clips_of_one = positions[order[0]]
            np.random.default_rng(derive_seed(seed, "clips", label)).shuffle(clips_of_one)
            held_out = clips_of_one[: max(1, round(enough))]
            alone.append(label)
        for recording in order[1:]:
            if len(held_out) + len(positions[recording]) / 2 < enough or not held_out:
                held_out += positions[recording]
        chosen.update(held_out)
    return chosen, alone


def _clips(root: Path, subjects: str | None) -> tuple[str, list[Clip]]:
    """Return the name of a set and its clips; `subjects`: the column of the table that says whom a clip is of."""
    extra = () if subjects is None else (subjects,)
    if (root / URBAN).is_file():
        rows = _rows(root / URBAN, (*URBAN_COLUMNS, *extra))
        return "UrbanSound8K", [
            Clip(
                root / "audio" / f"fold{row['fold']}" / row["slice_file_name"],
                row["class"],
                _number(row["fold"], root / URBAN),
                row["fsID"],
                None if subjects is None else row[subjects],
            )
            for row in rows
        ]
    if (root / ESC).is_file():
        ten = "esc10" in root.resolve().name.lower().replace("-", "")
        rows = _rows(root / ESC, (*ESC_COLUMNS, *extra))
        return "ESC-10" if ten else "ESC-50", [
            Clip(
                root / "audio" / row["filename"],
                row["category"],
                _number(row["fold"], root / ESC),
                row["src_file"],
                None if subjects is None else row[subjects],
            )
            for row in rows
            if not ten or row["esc10"].strip().lower() == "true"
        ]
    if subjects is not None:
        raise UsageError(f"{root} has no table that names the subjects of its clips; leave {subjects!r} out")
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
        with io.TextIOWrapper(open_regular(table, MAX_BYTES), "utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing and missing[0] not in (*URBAN_COLUMNS, *ESC_COLUMNS):
                has = ", ".join(reader.fieldnames or ())
                raise UsageError(f"{table}: has no column {missing[0]!r} of subjects; it has {has}")
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
    labels = label_array([clip.label for clip in clips])
    known = any(clip.subject is not None for clip in clips)
    return Split(
        [clip.path for clip in clips], labels, label_array([c.subject for c in clips]) if known else None
    )
