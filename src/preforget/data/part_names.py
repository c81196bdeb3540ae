"""Folder names and words of tables that name a part of a split: `Training`, `test_set`, `seg_train`, `VAL`."""

from __future__ import annotations

import re
from collections.abc import Iterable

WORDS = {
    **dict.fromkeys(("train", "training", "trn", "tr"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "vld", "dev", "development"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "holdout", "eval", "evaluation"), "test"),
}
"""The words that name a part by themselves, in lower case."""

EVALUATION = frozenset({"eval", "evaluation"})
"""Words that name the validation part where another folder names the test part."""

SHORT = frozenset({"tr", "trn", "tst", "vld", "dev", "development", "holdout", *EVALUATION})
"""Words that are too likely to be classes: they name a part only beside another part."""

FILLERS = frozenset(
    (
        *("set", "sets", "data", "dataset", "datasets", "split", "part", "fold", "folder", "subset", "seg"),
        *(
            "image",
            "images",
            "img",
            "imgs",
            "pic",
            "pics",
            "photos",
            "files",
            "samples",
            "audio",
            "sounds",
            "x",
        ),
    )
)
"""Words that may stand beside, or be joined to, the word of a part without changing it."""

_NUMBERS = re.compile(r"\d+")
_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+", re.UNICODE)


def part_in(name: str) -> tuple[str, str] | None:
    """Return the part that a name gives, and what else it says, in lower case; None if it names no part.

    >>> part_in("training_set"), part_in("SegTrain"), part_in("birds-test"), part_in("terrier")
    (('train', ''), ('train', ''), ('test', 'birds'), None)
    """
    pieces = [piece.lower() for piece in _PIECES.findall(name)]
    words = [word for piece in pieces for word in _taken_apart(piece)]
    parts = {WORDS[word] for word in words if word in WORDS}
    if len(parts) != 1:
        return None
    rest = [word for word in words if word not in WORDS and word not in FILLERS]
    return parts.pop(), " ".join(rest)


def parts_among(names: Iterable[str]) -> dict[str, str]:
    """Return which of some folder names give a part, by name; what else they say must be the same for all of them.

    A name that says more than a part, such as `train station`, counts only beside other parts that say the same, but
    for numbers by which they are ordered.

    >>> parts_among(["a_train", "a_test", "notes"]), parts_among(["train station", "airport"])
    ({'a_train': 'train', 'a_test': 'test'}, {})
    >>> parts_among(["1_train", "2_eval", "3_test"])
    {'1_train': 'train', '2_eval': 'val', '3_test': 'test'}
    """
    given = {name: part for name in names if (part := part_in(name)) is not None}
    plain = {name: part for name, (part, rest) in given.items() if not rest}
    if not plain:
        rests = {rest for _, rest in given.values()}
        parts = {part for part, _ in given.values()}
        ordered = len({_NUMBERS.sub("", rest).strip() for rest in rests}) == 1
        if len(parts) > 1 and (len(rests) == 1 or (ordered and len(_as_parts(given)) == len(given))):
            plain = {name: part for name, (part, _) in given.items()}
    plain = _with_evaluation(plain)
    if len(set(plain.values())) == 1:
        plain = {name: part for name, part in plain.items() if name.lower() not in SHORT}
    return plain


def _as_parts(given: dict[str, tuple[str, str]]) -> set[str]:
    return set(_with_evaluation({name: part for name, (part, _) in given.items()}).values())


def _with_evaluation(named: dict[str, str]) -> dict[str, str]:
    """Return the parts with what is called evaluation as the validation part, if another name gives the test part."""
    called = [name for name in named if EVALUATION.intersection(p.lower() for p in _PIECES.findall(name))]
    tested = [name for name, part in named.items() if part == "test" and name not in called]
    if not called or not tested or "val" in named.values():
        return named
    return {name: "val" if name in called else part for name, part in named.items()}


def parts_of_words(texts: Iterable[str]) -> dict[str, str]:
    """Return the part that each cell of a column of parts names; cells that name none are missing.

    >>> parts_of_words(["train", "eval", "?"]), parts_of_words(["train", "eval", "test"])
    ({'train': 'train', 'eval': 'test'}, {'train': 'train', 'eval': 'val', 'test': 'test'})
    """
    return _with_evaluation({t: part for t in texts if (part := part_of_word(t)) is not None})


def part_of_word(text: str) -> str | None:
    """Return the part that a cell of a table names, None if it names none.

    >>> part_of_word(" Training "), part_of_word("3")
    ('train', None)
    """
    given = part_in(text.strip())
    return given[0] if given is not None and not given[1] else None


def _taken_apart(piece: str) -> list[str]:
    """Return a piece without the filler that is joined to the word of a part: `trainset` is `train` and `set`."""
    if piece in WORDS or piece in FILLERS:
        return [piece]
    for word in WORDS:
        if len(word) > 2 and piece.startswith(word) and piece[len(word) :] in FILLERS:
            return [word, piece[len(word) :]]
        if len(word) > 2 and piece.endswith(word) and piece[: -len(word)] in FILLERS:
            return [piece[: -len(word)], word]
    return [piece]
