"""Make a data set of files with labels: check names and every file, find copies, make the parts that are missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import numpy as np

from preforget.core.errors import DataError
from preforget.data.dataset import Dataset, Split, names_of, refuse_unlearnable
from preforget.data.duplicates import groups_of_same, refuse_across_parts, repeated, sentences
from preforget.data.labels import name_parts, noted
from preforget.data.looks import Look, look_at_all, look_in_memory, oddities, refuse_broken
from preforget.data.part_split import SHARES, split_note, take_from_train
from preforget.data.registry import DataOptions
from preforget.data.repeated import PERSON, Copy, Repeated
from preforget.data.sounds import EXTENSIONS as SOUNDS
from preforget.data.sounds import NOT_READ

Locate = Callable[[str, int, str], str]
"""Returns where a name comes from, as the beginning of an error: of a part, a position, and `label` or `subject`."""


@dataclass(frozen=True)
class Listed:
    """What a format has read: the parts as lists of files with labels, and where its names come from.

    `given`: the parts that the source divides itself, none if it leaves the split to us, None if it has official parts
    but for validation and the note says so;
    `remedy`: the end of an error of a name; `left_out`: how many files aren't used, by reason; `remarks`: sentences on
    how the source was read.
    """

    source: Path
    name: str
    splits: dict[str, Split]
    given: list[str] | None
    note: str
    locate: Locate
    remedy: str
    left_out: tuple[tuple[str, int], ...] = ()
    remarks: list[str] = field(default_factory=list)


def assemble(listed: Listed, options: DataOptions) -> Dataset:
    """Return the data set; raises `DataError` for names and files that can't be used, and for copies across parts."""
    splits, name_remarks = name_parts(listed.splits, listed.locate, listed.remedy)
    remarks = [*listed.remarks, *name_remarks]
    paths = {part: list(split.paths) for part, split in splits.items()}
    _refuse_mixed(listed.source, [path for files in paths.values() for path in files])
    looks: dict[str, list[Look | None]] = {}
    skipped: list[tuple[Path, str]] = []
    for part, files in paths.items():
        looks[part], broken = look_at_all(files) if files else (look_in_memory(splits[part].inputs), ())
        skipped += broken
    refuse_broken(skipped, sum(map(len, splits.values())), options.skip_broken)
    every = [pair for part, files in paths.items() for pair in zip(files, looks[part], strict=False)]
    remarks += oddities([path for path, _ in every], [look for _, look in every])
    splits, looks, emptied = _without_broken(splits, looks)
    remarks += emptied
    copies = _Copies(dict(splits))  # as they are now: parts are taken from train below
    usable = [look for part in splits for look in looks[part] if look is not None]
    groups = (
        *repeated(copies, [look.digest for look in usable], [look.thumb for look in usable]),
        *_persons_in_several(copies),
    )
    refuse_across_parts(listed.source, groups, options.allow_duplicates)
    remarks += [*sentences(groups), *_persons_across(splits)]
    missing = [part for part in SHARES if part not in splits]
    same = groups_of_same([look.digest for look in looks["train"] if look is not None])
    whole = splits["train"]
    take_from_train(splits, missing, options.seed, options.split_by, same)
    remarks += [*_uncalibrated(splits), *_too_few_left(whole, splits["train"])]
    note = listed.note
    if listed.given is not None:
        note = f"{note}; {split_note(listed.given, missing, options.seed, options.split_by)}"
    data = Dataset(
        listed.name,
        splits["train"],
        splits["val"],
        splits["test"],
        tuple(names_of(splits["train"].labels)),
        noted(note, remarks),
        tuple(skipped),
        tuple(remarks),
        listed.left_out,
        groups,
        tuple(missing if listed.given is not None else ["val", *missing]),
    )
    return refuse_unlearnable(data)


def _refuse_mixed(source: Path, paths: Sequence[Path]) -> None:
    heard = next((path for path in paths if path.suffix.lower() in SOUNDS), None)
    seen = next((path for path in paths if path.suffix.lower() not in SOUNDS | NOT_READ), None)
    if heard is not None and seen is not None:
        raise DataError(f"{source}: sounds and images together, such as {heard} and {seen}; keep one kind")


def _without_broken(
    splits: dict[str, Split], looks: dict[str, list[Look | None]]
) -> tuple[dict[str, Split], dict[str, list[Look | None]], list[str]]:
    """Return the parts without broken files, the looks at the others, and a sentence on each class that is gone."""
    whole = all(look is not None for some in looks.values() for look in some)
    if whole and names_of(splits["train"].labels):
        return splits, looks, []  # as they are: inputs in memory would be copied
    kept = {part: [i for i, look in enumerate(looks[part]) if look is not None] for part in splits}
    left = {part: split.select(kept[part]) for part, split in splits.items()}
    before, after = (set(names_of(some["train"].labels)) for some in (splits, left))
    gone = sorted(before - after)
    if not after:
        raise DataError("no input of the train part can be used; repair them or add others")
    sentences_ = []
    for label in gone:
        count = sum(label == given or label in given for given in splits["train"].labels if given)
        sentences_.append(f"class {label!r} is left out: none of its {count} files to learn from can be used")
        for part, split in left.items():
            chosen = [i for i, given in enumerate(split.labels) if given != label]
            left[part] = split.select(chosen)
            kept[part] = [kept[part][i] for i in chosen]
    return left, {part: [looks[part][i] for i in kept[part]] for part in splits}, sentences_


class _Copies(Sequence[Copy]):
    """All inputs, each as it is named where it is there twice; made when asked for, since there can be millions."""

    def __init__(self, splits: dict[str, Split]) -> None:
        self._splits = splits
        self._starts = np.cumsum([0, *(len(split) for split in splits.values())])

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def of_persons(self) -> bool:
        """Whether it is known of any part whom its inputs are of."""
        return any(split.subjects is not None for split in self._splits.values())

    @overload
    def __getitem__(self, index: int) -> Copy: ...

    @overload
    def __getitem__(self, index: slice) -> list[Copy]: ...

    def __getitem__(self, index: int | slice) -> Copy | list[Copy]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number = int(np.searchsorted(self._starts, range(len(self))[index], side="right")) - 1
        part, split = list(self._splits.items())[number]
        position = range(len(self))[index] - int(self._starts[number])
        return Copy(
            split.paths[position] if split.paths else f"{part}[{position}]",
            part,
            split.labels[position],
            None if split.subjects is None else split.subjects[position],
        )


def _persons_in_several(copies: _Copies) -> list[Repeated]:
    """Return the inputs of each person who is in several parts of the split that the source gives."""
    of_person: dict[str, list[Copy]] = {}
    for copy in copies if copies.of_persons else ():
        if copy.subject is not None:
            of_person.setdefault(copy.subject, []).append(copy)
    groups = (Repeated(PERSON, tuple(of_person[name])) for name in sorted(of_person))
    return [group for group in groups if group.across_parts]


def _uncalibrated(splits: dict[str, Split]) -> list[str]:
    """Return a sentence on conditions that no validation input has, where inputs have several labels."""
    if not splits["train"].multilabel:
        return []
    lacking = sorted(set(names_of(splits["train"].labels)) - set(names_of(splits["val"].labels)))
    return [
        f"condition {name!r} is on no validation input, so that it is answered from even odds on"
        for name in lacking
    ]


def _too_few_left(whole: Split, train: Split) -> list[str]:
    """Return a sentence on classes of which a split that is made here leaves a single input to learn from."""
    if whole.multilabel:
        return []
    before, after = Counter(whole.labels), Counter(train.labels)
    few = [count for label, count in before.items() if count > 1 and after[label] < 2]
    if not few:
        return []
    return [
        f"{len(few):,} of {len(before):,} classes have so few inputs, {min(few)} in all the smallest, that the split "
        "70/10/20 leaves fewer than 2 to learn from; give at least 4 of each class, or parts of your own"
    ]


def _persons_across(splits: dict[str, Split]) -> list[str]:
    """Return a sentence if persons who are learned from are tested on, too, in a split that the source gives."""
    learned, tested = splits["train"].subjects, splits["test"].subjects if "test" in splits else None
    if learned is None or tested is None:
        return []
    both = set(learned) & set(tested)
    if not both:
        return []
    return [
        f"{len(both):,} of {len(set(tested)):,} persons of the test part are in the train part, too: accuracy is that "
        "on persons who are known"
    ]
