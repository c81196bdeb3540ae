"""A data set: inputs, the names of their classes, and the part of the set to which they belong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from preforget.core.errors import DataError
from preforget.core.names import as_names
from preforget.data.repeated import Repeated
from preforget.data.texts import Texts
from preforget.data.vectors import Vectors

LARGEST_SAMPLE = 16.0
"""Samples beyond it are no floats about -1..1, but whole numbers that were never divided."""


@dataclass(frozen=True, eq=False)
class Sounds:
    """Mono waveforms of one length, `waves float32 [n, samples]` about -1..1, and their sampling `rate` in Hz.

    Raises `DataError` for another shape or type, for numbers that aren't finite and for a rate below 1.
    """

    waves: npt.NDArray[np.float32]
    rate: int

    def __post_init__(self) -> None:
        waves, rate = self.waves, self.rate
        if (
            not isinstance(waves, np.ndarray)
            or waves.dtype != np.float32
            or waves.ndim != 2
            or 0 in waves.shape
        ):
            raise DataError(
                "sounds come as a numpy array float32 [n, samples], mono, about -1..1, with their rate"
            )
        if not np.isfinite(waves).all():
            raise DataError("sounds hold samples that are NaN or infinite; replace them")
        peak = float(np.abs(waves).max())
        if peak > LARGEST_SAMPLE:
            raise DataError(
                f"sounds hold samples up to {peak:g}, far out of the range -1 to 1; divide whole numbers of 16 bits by "
                "32768 first"
            )
        if isinstance(rate, bool) or not isinstance(rate, int) or rate < 1:
            raise DataError(f"the sampling rate is {rate!r}; give samples per second, such as 16000")

    def __len__(self) -> int:
        return len(self.waves)

    def __getitem__(self, chosen: npt.NDArray[np.intp] | slice) -> Sounds:
        """Return some of the sounds."""
        return Sounds(self.waves[chosen], self.rate)


Images: TypeAlias = npt.NDArray[np.uint8] | list[Path] | Sounds | Vectors | Texts
"""Inputs: pixels `[n, h, w]` (grey) or `[n, h, w, 3]` (RGB), sounds, vectors, texts, or paths of files, decoded when
read."""

Labels: TypeAlias = npt.NDArray[np.object_]
"""`[n]` class names, each a `str`; sorted tuples of them if an input may have several labels or none."""


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a data set: `inputs` and their `labels`, `[n]`; raises `DataError` if lengths differ.

    `subjects`, `[n]`, names the person (patient, speaker, customer) whom each input shows, if that is known. Labels
    and subjects may be given as lists. `as_split` checks the contents and turns whole numbers into text; every method
    of a classifier that takes a `Split` calls it.
    """

    inputs: Images
    labels: Labels
    subjects: Labels | None = None

    def __post_init__(self) -> None:
        for name in ("labels", "subjects"):
            names = getattr(self, name)
            if isinstance(names, list | tuple):
                object.__setattr__(self, name, label_array(names))
        if len(self.inputs) != len(self.labels):
            raise DataError(
                f"{len(self.inputs)} inputs but {len(self.labels)} labels; each input needs one label"
            )
        if self.subjects is not None and len(self.subjects) != len(self.labels):
            raise DataError(
                f"{len(self.labels)} inputs but {len(self.subjects)} subjects; each input needs one subject"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        """Count inputs, classes and persons, without names."""
        persons = "" if self.subjects is None else f", {len(set(self.subjects))} persons"
        return f"<Split: {len(self)} inputs, {len(set(self.labels))} classes{persons}>"

    def select(self, chosen: npt.ArrayLike) -> Split:
        """Return the inputs that a mask `[n]` of booleans or a list of positions chooses, in that order."""
        index: npt.NDArray[Any] = np.asarray(chosen)
        if index.dtype == bool:
            if index.shape != (len(self),):
                raise DataError(f"a mask of shape {index.shape} can't choose among {len(self)} inputs")
            index = np.flatnonzero(index)
        index = index.astype(np.intp)
        subjects = None if self.subjects is None else self.subjects[index]
        if isinstance(self.inputs, list):
            return Split([self.inputs[i] for i in index], self.labels[index], subjects)
        return Split(self.inputs[index], self.labels[index], subjects)

    def only(self, labels: Any) -> Split:
        """Return the inputs whose class is one of `labels`, a name or several."""
        return self.select(self._among(labels))

    def without(self, labels: Any) -> Split:
        """Return the inputs whose class is none of `labels`, a name or several."""
        return self.select(~self._among(labels))

    def without_subjects(self, subjects: Any) -> Split:
        """Return the inputs of all but `subjects`, a name or several; all inputs if subjects aren't known."""
        if self.subjects is None:
            return self
        gone = set(as_names(subjects, "subject"))
        return self.select([i for i, subject in enumerate(self.subjects) if str(subject) not in gone])

    @property
    def paths(self) -> list[Path]:
        """The files of the inputs, none if they are in memory."""
        return self.inputs if isinstance(self.inputs, list) else []

    @property
    def multilabel(self) -> bool:
        """Whether an input may have several labels or none, instead of exactly one."""
        return any(isinstance(label, tuple) for label in self.labels)

    @property
    def units(self) -> list[tuple[str, str | None]]:
        """The smallest thing that can be forgotten, for each input `[n]`: its class, or its class and subject."""
        subjects = [None] * len(self) if self.subjects is None else self.subjects.tolist()
        return list(zip(self.labels.tolist(), subjects, strict=True))

    def places(self) -> dict[tuple[str, str | None], list[int]]:
        """Return the positions of the inputs of each unit, ascending."""
        positions: dict[tuple[str, str | None], list[int]] = {}
        for position, unit in enumerate(self.units):
            positions.setdefault(unit, []).append(position)
        return positions

    def _among(self, labels: Any) -> npt.NDArray[np.bool_]:
        wanted = set(as_names(labels))
        chosen = (
            not wanted.isdisjoint(label) if isinstance(label, tuple) else str(label) in wanted
            for label in self.labels
        )
        return np.fromiter(chosen, dtype=bool, count=len(self))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three disjoint parts, the classes of `train` in a fixed order, a note on source, licence and split.

    `skipped`: files that were left out because they can't be used, each with the reason; `remarks`: sentences on how
    the source was read, and on names and inputs that are odd; `left_out`: how many files and folders aren't used, by
    reason; `repeated`: inputs that are there more than once; `taken`: the parts that were taken from train.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    note: str
    skipped: tuple[tuple[Path, str], ...] = ()
    remarks: tuple[str, ...] = ()
    left_out: tuple[tuple[str, int], ...] = ()
    repeated: tuple[Repeated, ...] = ()
    taken: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Count inputs and classes, without names of classes."""
        counts = f"{len(self.train)} + {len(self.validation)} + {len(self.test)} inputs"
        return f"<Dataset {self.name!r}: {counts}, {len(self.classes)} classes>"


def label_array(labels: Sequence[Any]) -> Labels:
    """Return `labels` as an object array `[n]`, so that each element stays a plain `str`, or a tuple of them."""
    array = np.empty(len(labels), dtype=object)
    for position, label in enumerate(labels):
        array[position] = label
    return array


def names_of(labels: Iterable[str | tuple[str, ...]]) -> list[str]:
    """Return every class that occurs, sorted, whether each input has one label or several.

    >>> names_of([("b", "a"), (), ("b",)])
    ['a', 'b']
    """
    return sorted({name for label in labels for name in ((label,) if isinstance(label, str) else label)})


def refuse_unlearnable(dataset: Dataset) -> Dataset:
    """Return `dataset`; raises `DataError` if validation or test have a class that train lacks."""
    for part, split in (("validation", dataset.validation), ("test", dataset.test)):
        unknown = sorted(set(names_of(split.labels)) - set(dataset.classes))
        if unknown:
            names = ", ".join(map(repr, unknown[:5]))
            raise DataError(
                f"{dataset.name}: the {part} part has inputs of {names}, the train part has none; "
                f"add inputs to the train part or take the class out of the {part} part"
            )
    return dataset
