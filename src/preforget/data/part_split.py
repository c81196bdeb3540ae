"""Make the parts that a data set lacks from its train part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from preforget.data.counts import LEAST
from preforget.data.dataset import Split
from preforget.data.splits import Positions, keep_rare, keep_together, split_persons, split_units

SHARES = {"train": 70, "val": 10, "test": 20}

BY_SUBJECT = "subject"
"""The value of the option `split_by` with which no person is in two parts."""


def take_from_train(
    splits: dict[str, Split],
    missing: list[str],
    seed: int,
    split_by: str | None = None,
    same: Sequence[Sequence[int]] = (),
) -> None:
    """Make the parts that are `missing` from train, unit by unit, in the proportion of `SHARES`.

    `split_by`: `subject` keeps each person in one part; `same`: positions in train of inputs of the same content, which
    stay in one part; where a part would lack a class then, copies aren't counted when it is divided. Of several labels
    per input, rare ones stay in train.
    """
    if not missing:
        return
    whole = splits["train"]
    names = ["train", *missing]
    total = sum(SHARES[name] for name in names)
    fractions = [SHARES[name] / total for name in names]
    divide = split_persons if split_by == BY_SUBJECT else split_units
    pieces = divide(whole, fractions, seed)
    if whole.multilabel and split_by is None:
        pieces = keep_rare(whole.labels, pieces, LEAST)
    together = keep_together(pieces, same)
    if not whole.multilabel and _classes_in(whole, together) != _classes_in(whole, pieces):
        copies = [position for group in same for position in group[1:]]
        first = np.setdiff1d(np.arange(len(whole)), copies)
        drawn = [first[piece] for piece in divide(whole.select(first), fractions, seed)]
        drawn[0] = np.union1d(drawn[0], copies)
        together = keep_together(drawn, same)
    pieces = together
    splits.update({name: whole.select(piece) for name, piece in zip(names, pieces, strict=True)})


def _classes_in(whole: Split, pieces: Sequence[Positions]) -> list[set[str]]:
    return [set(whole.labels[piece]) for piece in pieces]


def split_note(present: list[str], missing: list[str], seed: int, split_by: str | None = None) -> str:
    """Return a sentence on the origin of the parts."""
    how = "by person" if split_by == BY_SUBJECT else "stratified"
    if not present:
        return f"own {how} split 70/10/20, seed {seed}"
    note = f"split as found: {', '.join(present)}"
    return f"{note}; {' and '.join(missing)} taken from train, {how}, seed {seed}" if missing else note
