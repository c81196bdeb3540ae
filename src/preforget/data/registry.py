"""The registry of data: sets with names, and formats of files and folders, recognised by their contents.

An extension enters either kind by the decorator `DATASETS.register(name)` in a module of its own, and names that module
as an entry point of the group `preforget.datasets`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from preforget.core.errors import UsageError
from preforget.core.options import Options
from preforget.core.registry import Registry
from preforget.data.columns import Columns, checked_columns
from preforget.data.dataset import Dataset
from preforget.data.part_split import BY_SUBJECT

ONE_SIZE = 28
"""The default size, which every set of several sizes has; it counts as not given."""


@dataclass(frozen=True)
class DataOptions(Options):
    """The options of loading a data set; see `preforget.load_data` for their meaning."""

    size: int = ONE_SIZE
    seed: int = 0
    data_dir: Path | None = None
    download: bool = True
    subjects: str | int | None = None
    fold: int | None = None
    folds: Sequence[int] | None = None
    skip_broken: bool = False
    strict: bool = False
    allow_duplicates: bool = False
    split_by: str | None = None
    top_classes: bool = False
    columns: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.columns is not None:
            named = checked_columns(self.columns)
            person = named.get("subject", self.subjects)
            if self.subjects not in (None, person):
                raise UsageError(f"the column of subjects was named twice: {person!r} and {self.subjects!r}")
            object.__setattr__(self, "subjects", person)
        if self.split_by not in (None, BY_SUBJECT):
            raise UsageError(f"split_by={self.split_by!r}: a split can be by {BY_SUBJECT!r} only")
        if self.split_by is not None and self.subjects is None:
            raise UsageError("a split by subject needs to know whom each input is of; give subjects, too")


class NamedSet(ABC):
    """A data set that is loaded by its name; `load` returns it.

    `uses`: which of the options "size", "subjects", "folds", "split_by", "top_classes" and "columns" the set has;
    `load_data` refuses the others. The remaining options are passed on, and a set may leave them unread.
    """

    uses: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def load(self, options: DataOptions) -> Dataset:
        """Return the data set; raises `DataError` if it can't be loaded and `UsageError` for a bad option."""


class DataFormat(ABC):
    """A layout of a file or a folder: `reads` recognises it, `load` reads it.

    `what` completes the sentence "give ...". `uses`: as for `NamedSet`. `order`: formats are tried from the lowest to
    the highest, and at the same number extensions come first; ours begin at 10, so that an extension without an order
    is tried before them.
    """

    what: ClassVar[str]
    uses: ClassVar[frozenset[str]] = frozenset()
    order: ClassVar[int] = 0

    @abstractmethod
    def reads(self, path: Path) -> bool:
        """Tell whether an existing file or folder has this format, reading as little of it as possible."""

    def reads_with(self, path: Path, columns: Columns | None) -> bool:
        """Tell the same where a user names columns, which only formats of tables look at."""
        return self.reads(path)

    @abstractmethod
    def load(self, path: Path, options: DataOptions) -> Dataset:
        """Return the data set; raises `DataError` that names the file, and `UsageError` for a bad option."""


DATASETS: Registry[type[NamedSet] | type[DataFormat]] = Registry(
    "data set", package="preforget.data", group="preforget.datasets"
)


def named_set(name: object) -> NamedSet | None:
    """Return the set of that name, None if there is none; formats don't count."""
    entry = DATASETS[name] if isinstance(name, str) and name in DATASETS else None
    return entry() if entry is not None and issubclass(entry, NamedSet) else None


def names_of_sets() -> list[str]:
    """Return the names of all named sets, sorted."""
    return [name for name, entry in DATASETS.items() if issubclass(entry, NamedSet)]


def formats() -> list[DataFormat]:
    """Return all formats in the order in which they are tried."""
    known = [(name, entry) for name, entry in DATASETS.items() if issubclass(entry, DataFormat)]
    known.sort(key=lambda item: (item[1].order, item[1].__module__.startswith("preforget."), item[0]))
    return [entry() for _, entry in known]


def refuse_unused(source: str, known: NamedSet | DataFormat, options: DataOptions) -> None:
    """Raise `UsageError` for an option that was given and that a set or a format doesn't have."""
    shown = repr(source) if isinstance(known, NamedSet) else source
    if "folds" not in known.uses:
        refuse_folds(shown, options)
    if "subjects" not in known.uses and options.subjects is not None:
        raise UsageError(
            f"{shown} doesn't name the subjects of its inputs; leave subjects={options.subjects!r} out"
        )
    if "split_by" not in known.uses and options.split_by is not None:
        raise UsageError(f"{shown} is divided already; leave split_by={options.split_by!r} out")
    if "columns" not in known.uses and options.columns is not None:
        raise UsageError(f"{shown} is no table; leave columns (--column) out")
    if "top_classes" not in known.uses and options.top_classes:
        raise UsageError(f"{shown} is no folder of classes; leave top_classes (--top-classes) out")
    if "size" not in known.uses and options.size != ONE_SIZE:
        raise UsageError(
            f"{source!r} has one size only, so leave size={options.size} out; models resize what they read"
        )


def refuse_folds(shown: str, options: DataOptions) -> None:
    """Raise `UsageError` if folds were given for a source that has none."""
    if options.fold is not None or options.folds is not None:
        raise UsageError(f"{shown} has no official folds; leave fold and folds out")
