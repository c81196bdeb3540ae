"""Turn labels as users give them into text, one name per input."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from preforget.core.errors import DataError
from preforget.core.names import ABSTENTION, appearance, fault_of, look_alikes, normal_name
from preforget.core.paths import shortened
from preforget.data.dataset import Labels, Split, label_array

MISSING = frozenset({"nan", "none", "nat", "<na>", "null"})
"""Text with which tables mark a missing value."""

MISSING_REMARK = "which is how tables write a missing value"

NO_NAME = MISSING - {"none", "null"}
"""The part of it that is never a sensible name."""


def is_name(text: object, what: str = "label") -> bool:
    """Tell whether this is text that already has the one form of names."""
    return (
        type(text) is str
        and fault_of(text) is None
        and normal_name(text) == text
        and (what != "label" or appearance(text) != ABSTENTION)
    )


class NamesJoinedWarning(UserWarning):
    """Labels that stand for one name were written in several ways."""


def as_labels(y: Any, what: str = "label") -> Labels:
    """Return names as `str`, `[n]`, in the one form that `core.names` gives them; whole numbers become text.

    `what`: the word for the names in errors, `label` or `subject`. Warns, with counts and without the names, if one
    name is written in several ways.

    Raises `DataError` for missing (None, NaN), empty or fractional labels, for text that isn't UTF-8, for the name of
    the abstention, and for several labels per input.
    """
    labels, remarks = labels_and_remarks(y, what)
    if remarks:
        warn_of(len(remarks), what)
    return labels


def warn_of(count: int, what: str) -> None:
    """Warn of names that are written in several ways or look like missing values, without saying which."""
    warnings.warn(
        f"{count} {what}s are written in several ways, which differ in blanks at the ends or in how accents are "
        "encoded, differ only in zeros at the beginning, or look like a missing value, such as 'nan'; each is taken as "
        "it is",
        NamesJoinedWarning,
        stacklevel=3,
    )


def labels_and_remarks(
    y: Any, what: str = "label", locate: Callable[[int], str] | None = None
) -> tuple[Labels, list[str]]:
    """Return what `as_labels` returns, and a sentence on each name that is written in several ways; raises the same.

    `locate`: returns the origin of the label at a position, as the beginning of an error.
    """
    locate = locate or (lambda position: f"the {what} at position {position}")
    names, remarks = one_name_each(as_texts(y, what, locate).tolist(), what, locate)
    return label_array(names), remarks


def as_texts(y: Any, what: str = "label", locate: Callable[[int], str] | None = None) -> Labels:
    """Return labels, whole numbers too, as text `[n]` that doesn't have the form of names yet; see `as_labels`."""
    locate = locate or (lambda position: f"the {what} at position {position}")
    if isinstance(y, str) or not hasattr(y, "__len__") or (isinstance(y, np.ndarray) and y.ndim == 0):
        shown = shortened(repr(y))
        raise DataError(
            f"{what}s come as a list or an array, one per input, not as {type(y).__name__} {shown}"
        )
    if isinstance(y, np.ndarray) and y.ndim > 1:
        if y.ndim > 2 or y.shape[1] != 1:
            raise DataError(
                f"{what}s of shape {y.shape}: several {what}s per input can't be used here; give one each"
            )
        y = y[:, 0]
    values = y.tolist() if isinstance(y, np.ndarray) else list(y)
    texts: dict[Any, str] = {}
    for position, value in enumerate(values):
        # True == 1 == 1.0, so the type belongs to the key
        key = (type(value), value) if value.__hash__ is not None else (type(value), repr(value))
        if key not in texts:
            texts[key] = _text(value, locate(position), what)
        values[position] = texts[key]
    return label_array(values)


def one_name_each(
    texts: Sequence[str], what: str, locate: Callable[[int], str], remedy: str | None = None
) -> tuple[list[str], list[str]]:
    """Return a name for each text, `[n]`, and a sentence on each name that is written in several ways.

    `what`: the word for the names, `label` or `subject`; `locate`: returns the origin of the text at a position, as
    the beginning of an error; `remedy`: its end. Raises `DataError` for text that can't be a name.
    """
    counts = Counter(texts)
    names: dict[str, str] = {}
    for text in counts:
        fault = fault_of(text)
        if fault is None and what == "label" and appearance(text) == ABSTENTION:
            fault = f"is {text!r}, which is the answer to inputs of no known class"
        if fault is None and what == "subject" and appearance(text) in NO_NAME:
            fault = (
                f"is {text!r} on {counts[text]} inputs, which is how tables write a missing value: people without a "
                "name would be one person"
            )
        if fault is not None:
            remedy = remedy or f"leave the input out or name its {'class' if what == 'label' else what}"
            raise DataError(f"{locate(texts.index(text))} {fault}; {remedy}")
        names[text] = normal_name(text)
    return [names[text] for text in texts], [
        *_joined(counts, names, what),
        *_missing(counts, names, what),
        *_zeros(names, what),
    ]


def name_parts(
    parts: dict[str, Split], locate: Callable[[str, int, str], str], remedy: str
) -> tuple[dict[str, Split], tuple[str, ...]]:
    """Turn labels and subjects of parts, as they were read, into names; return the parts and remarks on names.

    `locate`: see `one_name_each`; its arguments are a part, a position in it, and `label` or `subject`. Inputs with
    several labels keep them. Raises `DataError`.
    """
    at = [(part, position) for part, split in parts.items() for position in range(len(split))]
    sentences: list[str] = []
    columns: dict[str, list[str]] = {}
    for what in ("label", "subject"):
        values = [getattr(split, f"{what}s") for split in parts.values()]
        several = what == "label" and any(split.multilabel for split in parts.values())
        if several or any(column is None for column in values):
            continue
        texts = [text for column in values for text in column]
        columns[what], remarks = one_name_each(texts, what, _placed(locate, at, what), remedy)
        sentences += remarks
    start, named = 0, {}
    for part, split in parts.items():
        stop = start + len(split)
        labels, subjects = (
            label_array(columns[what][start:stop]) if what in columns else getattr(split, f"{what}s")
            for what in ("label", "subject")
        )
        named[part], start = Split(split.inputs, labels, subjects), stop
    return named, tuple(sentences)


def noted(note: str, remarks: Sequence[str]) -> str:
    """Return the note on a data set with what looks like missing values; it names nobody."""
    return "; ".join([note, *(remark for remark in remarks if MISSING_REMARK in remark)])


def _placed(
    locate: Callable[[str, int, str], str], at: Sequence[tuple[str, int]], what: str
) -> Callable[[int], str]:
    return lambda position: locate(*at[position], what)


def check_look_alikes(
    new: Iterable[str], known: Iterable[str] = (), *, what: str = "label", keep: bool = False
) -> None:
    """Raise `DataError` for two names that look alike, at least one of them `new`, unless `keep`.

    `what`: the word for the names, `label` or `subject`.
    """
    added = set(new)
    if keep:
        return
    for group in look_alikes({*added, *known}):
        if added.intersection(group):
            first, second = (ascii(name) for name in group[:2])
            kinds = "classes" if what == "label" else f"{what}s"
            raise DataError(
                f"two {kinds} look alike, {group[0]!r} and {group[1]!r} (in full {first} and {second}): if they are "
                "one, give them one name; if they are two, say so with keep_similar_names=True or --keep-similar-names"
            )


def _joined(counts: Counter[str], names: dict[str, str], what: str) -> list[str]:
    spellings: dict[str, list[int]] = {}
    for text, count in counts.items():
        spellings.setdefault(names[text], []).append(count)
    return [
        f"{what} {name!r} is written in {len(spelled)} ways, on {', '.join(map(str, sorted(spelled, reverse=True)))} "
        "inputs, that differ in blanks at the ends or in how accents are encoded; taken as one"
        for name, spelled in sorted(spellings.items())
        if len(spelled) > 1
    ]


def _missing(counts: Counter[str], names: dict[str, str], what: str) -> list[str]:
    total = sum(counts.values())
    return [
        f"{count} of {total} inputs have the {what} {names[text]!r}, {MISSING_REMARK}; taken "
        f"as one {what} of that name"
        for text, count in sorted(counts.items())
        if names[text].casefold() in (MISSING if what == "subject" else NO_NAME)
    ]


def _zeros(names: dict[str, str], what: str) -> list[str]:
    """Return a sentence on each group of numbers that differ only in zeros at the beginning."""
    spellings: dict[str, set[str]] = {}
    for name in names.values():
        if name.isdecimal():
            spellings.setdefault(name.lstrip("0"), set()).add(name)
    return [
        f"{what}s {', '.join(map(repr, sorted(group)))} differ only in zeros at the beginning, which tables lose; "
        f"taken as {len(group)} {what}s: if they are one, write them alike"
        for _, group in sorted(spellings.items())
        if len(group) > 1
    ]


def _text(value: Any, origin: str, what: str) -> str:
    if value is None or (isinstance(value, float | np.floating) and value != value):
        kind = "class" if what == "label" else what
        raise DataError(f"{origin} is missing ({value}); leave the input out or name its {kind}")
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return str(int(value))
    raise DataError(f"{origin} is {value!r}; {what}s are text or whole numbers")
