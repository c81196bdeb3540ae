"""Labels as users give them become text, one name per input."""

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
"""Text that tables hold where a value is missing."""

MISSING_REMARK = "which is how tables write a missing value"

MISSING_CLASS = MISSING - {"none", "null"}
"""Such text that is no sensible name of a class either."""


def is_name(text: object, what: str = "label") -> bool:
    """Tell whether this is text in the one form that names have, so that nothing is to be done."""
    return (
        type(text) is str
        and fault_of(text) is None
        and normal_name(text) == text
        and (what != "label" or appearance(text) != ABSTENTION)
    )


class NamesJoinedWarning(UserWarning):
    """Labels that are one name were written in several ways."""


def as_labels(y: Any, what: str = "label") -> Labels:
    """Return names as `str`, `[n]`, in the one form that `core.names` gives them; whole numbers become text.

    `what` the names are, for errors: `label` or `subject`. Warns with counts, and without the names, where one name is
    written in several ways.

    Raises `DataError` for missing (None, NaN), empty or fractional labels, for text that is no UTF-8, for the name of
    the abstention, and for several labels per image.
    """
    labels, remarks = labels_and_remarks(y, what)
    if remarks:
        warn_of(len(remarks), what)
    return labels


def warn_of(count: int, what: str) -> None:
    """Warn of names that are written in several ways or look like missing values, without saying which."""
    warnings.warn(
        f"{count} {what}s are written in several ways, which differ in blanks at the ends or in how accents are "
        "encoded, or look like a missing value, such as 'nan'; each is taken as one name",
        NamesJoinedWarning,
        stacklevel=3,
    )


def labels_and_remarks(
    y: Any, what: str = "label", place: Callable[[int], str] | None = None
) -> tuple[Labels, list[str]]:
    """Return what `as_labels` returns, and a sentence on each name that is written in several ways; raises as it.

    `place`: says where the label at a position comes from, as the beginning of an error.
    """
    place = place or (lambda position: f"the {what} at position {position}")
    names, remarks = one_name_each(as_texts(y, what, place).tolist(), what, place)
    return label_array(names), remarks


def as_texts(y: Any, what: str = "label", place: Callable[[int], str] | None = None) -> Labels:
    """Return labels as text `[n]`, whole numbers too, before it is brought to the form of names; see `as_labels`."""
    place = place or (lambda position: f"the {what} at position {position}")
    if isinstance(y, str) or not hasattr(y, "__len__") or (isinstance(y, np.ndarray) and y.ndim == 0):
        shown = shortened(repr(y))
        raise DataError(
            f"{what}s come as a list or an array, one per image, not as {type(y).__name__} {shown}"
        )
    if isinstance(y, np.ndarray) and y.ndim > 1:
        if y.ndim > 2 or y.shape[1] != 1:
            raise DataError(
                f"{what}s of shape {y.shape}: several {what}s per image can't be used here; give one each"
            )
        y = y[:, 0]
    values = y.tolist() if isinstance(y, np.ndarray) else list(y)
    texts: dict[Any, str] = {}
    for position, value in enumerate(values):
        # True == 1 == 1.0, so the type belongs to the key
        key = (type(value), value) if value.__hash__ is not None else (type(value), repr(value))
        if key not in texts:
            texts[key] = _text(value, place(position), what)
        values[position] = texts[key]
    return label_array(values)


def one_name_each(
    texts: Sequence[str], what: str, place: Callable[[int], str], remedy: str | None = None
) -> tuple[list[str], list[str]]:
    """Return a name for each text, `[n]`, and a sentence on each name that is written in several ways.

    `what` the names are: `label` or `subject`; `place`: says where the text at a position comes from, as the beginning
    of an error; `remedy`: its end. Raises `DataError` for text that is no name.
    """
    counts = Counter(texts)
    names: dict[str, str] = {}
    for text in counts:
        fault = fault_of(text)
        if fault is None and what == "label" and appearance(text) == ABSTENTION:
            fault = f"is {text!r}, which is the answer to inputs of no known class"
        if fault is not None:
            remedy = remedy or f"leave the image out or name its {'class' if what == 'label' else what}"
            raise DataError(f"{place(texts.index(text))} {fault}; {remedy}")
        names[text] = normal_name(text)
    return [names[text] for text in texts], [*_joined(counts, names, what), *_missing(counts, names, what)]


def name_parts(
    parts: dict[str, Split], place: Callable[[str, int, str], str], remedy: str
) -> tuple[dict[str, Split], tuple[str, ...]]:
    """Return the parts of a data set as they were read with names for labels and subjects, and the sentences on them.

    `place`: see `one_name_each`; it is given a part, a position in it, and `label` or `subject`. Inputs with several
    labels keep them. Raises `DataError`.
    """
    at = [(part, position) for part, split in parts.items() for position in range(len(split))]
    said: list[str] = []
    columns: dict[str, list[str]] = {}
    for what in ("label", "subject"):
        values = [getattr(split, f"{what}s") for split in parts.values()]
        several = what == "label" and any(split.multilabel for split in parts.values())
        if several or any(column is None for column in values):
            continue
        texts = [text for column in values for text in column]
        columns[what], remarks = one_name_each(texts, what, _placed(place, at, what), remedy)
        said += remarks
    start, named = 0, {}
    for part, split in parts.items():
        stop = start + len(split)
        labels, subjects = (
            label_array(columns[what][start:stop]) if what in columns else getattr(split, f"{what}s")
            for what in ("label", "subject")
        )
        named[part], start = Split(split.inputs, labels, subjects), stop
    return named, tuple(said)


def noted(note: str, remarks: Sequence[str]) -> str:
    """Return the note on a data set with what looks like missing values, which nobody's name is in."""
    return "; ".join([note, *(remark for remark in remarks if MISSING_REMARK in remark)])


def _placed(
    place: Callable[[str, int, str], str], at: Sequence[tuple[str, int]], what: str
) -> Callable[[int], str]:
    return lambda position: place(*at[position], what)


def check_look_alikes(
    new: Iterable[str], known: Iterable[str] = (), *, what: str = "label", keep: bool = False
) -> None:
    """Raise `DataError` for two names that look alike, at least one of them `new`, unless they are to be kept.

    `what` the names are: `label` or `subject`.
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
        f"{what} {name!r} is written in {len(own)} ways, on {', '.join(map(str, sorted(own, reverse=True)))} inputs, "
        "that differ in blanks at the ends or in how accents are encoded; taken as one"
        for name, own in sorted(spellings.items())
        if len(own) > 1
    ]


def _missing(counts: Counter[str], names: dict[str, str], what: str) -> list[str]:
    total = sum(counts.values())
    return [
        f"{count} of {total} inputs have the {what} {names[text]!r}, {MISSING_REMARK}; taken "
        f"as one {what} of that name"
        for text, count in sorted(counts.items())
        if names[text].casefold() in (MISSING if what == "subject" else MISSING_CLASS)
    ]


def _text(value: Any, place: str, what: str) -> str:
    if value is None or (isinstance(value, float | np.floating) and value != value):
        kind = "class" if what == "label" else what
        raise DataError(f"{place} is missing ({value}); leave the image out or name its {kind}")
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return str(int(value))
    raise DataError(f"{place} is {value!r}; {what}s are text or whole numbers")
