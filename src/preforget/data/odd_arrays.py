"""Say of pictures that are handed in as arrays what is said of files when a data set is read."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np

from preforget.data.dataset import Split
from preforget.data.duplicates import repeated, sentences
from preforget.data.looks import DARK, Look, look_in_memory, oddities
from preforget.data.repeated import Copy, Repeated


class OddInputsWarning(UserWarning):
    """Pictures are of one colour, or alike where this matters: in two classes, of two persons, held out and learned."""


def warn_of_odd(parts: Mapping[str, Split], stacklevel: int = 2) -> None:
    """Warn of pictures of one colour or nearly black, and of ones that are alike in several parts, classes or persons.

    `parts`: the arrays as the user calls them, such as `X`; anything but arrays of pictures is not looked at. Copies
    within a class are as they should be where a user draws with replacement.
    """
    pictures = {name: part for name, part in parts.items() if isinstance(part.inputs, np.ndarray)}
    copies, looks = [], list[Look]()
    for name, part in pictures.items():
        looks += [look for look in look_in_memory(part.inputs) if look is not None]
        people = [None] * len(part) if part.subjects is None else part.subjects
        copies += [
            Copy(f"{name}[{position}]", name, label, person)
            for position, (label, person) in enumerate(zip(part.labels, people, strict=True))
        ]
    if all(DARK in look.odd for look in looks):  # `as_split` has said so
        looks = [Look(look.digest, look.thumb) for look in looks]
    groups = repeated(copies, [look.digest for look in looks], [look.thumb for look in looks])
    said = [
        *oddities([copy.place for copy in copies], looks, "images"),
        *sentences(list(filter(_matters, groups))),
    ]
    for sentence in said:
        warnings.warn(sentence, OddInputsWarning, stacklevel=stacklevel + 1)


def _matters(group: Repeated) -> bool:
    return group.across_parts or group.across_classes or group.across_subjects
