"""The matrix of a benchmark: data sets x engines and methods x numbers of classes x seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from preforget.benchmark.class_sets import Size
from preforget.benchmark.columns import COLUMNS
from preforget.core.errors import UsageError

EACH, FIRST = "each", "first"


@dataclass(frozen=True)
class DataEntry:
    """A data set: `path` instead of its name; `size`: edition of a published set; `train`, `test`: the most inputs.

    `test` limits the validation part and the test part each. `sound`: its inputs are sounds, so that an override for
    images leaves it alone; `needs_path`: it can't be loaded by name and is left out if no path is given.
    """

    name: str
    path: str | None = None
    backbone: str = "builtin"
    image_size: int | None = None
    size: int = 28
    train: int | None = None
    test: int | None = None
    sound: bool = False
    needs_path: bool = False
    note: str = ""


@dataclass(frozen=True)
class EngineEntry:
    """An engine with its options; `name` is what tables call it."""

    name: str
    engine: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MethodEntry:
    """A method: `options` are fixed, `search` takes the place of its own search space.

    `file`: the file of a user's own method, whose bytes must have the digest `file_digest`.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    search: dict[str, tuple[Any, ...]] | None = None
    file: str | None = None
    file_digest: str | None = None


@dataclass(frozen=True)
class Matrix:
    """Everything that a benchmark does.

    `sets`: how many sets of classes per `k`, or "all", drawn by `sets_seed`; `trials`: configurations that each method
    may try on validation data, for each set and seed (`search = "each"`) or once, on the first of them, for all
    ("first"); `rows`: the most inputs of a part that attacks use; `lora`: options of the ordinary classifier.
    """

    name: str
    data: tuple[DataEntry, ...]
    engines: tuple[EngineEntry, ...]
    methods: tuple[MethodEntry, ...]
    k: tuple[Size, ...] = (1,)
    seeds: tuple[int, ...] = (0,)
    sets: int | str = 3
    sets_seed: int = 0
    trials: int = 4
    search: str = EACH
    rows: int = 200
    lora: dict[str, Any] = field(default_factory=dict)
    measures: tuple[str, ...] = tuple(COLUMNS)
    dtype: str = "auto"

    def entry(self, name: str) -> DataEntry:
        """Return a data set by name; raises `UsageError`."""
        for candidate in self.data:
            if candidate.name == name:
                return candidate
        raise UsageError(
            f"the matrix has no data set {name!r}; it has: {', '.join(candidate.name for candidate in self.data)}"
        )

    def engine(self, name: str) -> EngineEntry | None:
        """Return an engine by its name in tables, None for anything else."""
        return next((candidate for candidate in self.engines if candidate.name == name), None)

    def method(self, name: str) -> MethodEntry:
        """Return a method by name; raises `UsageError`."""
        for candidate in self.methods:
            if candidate.name == name:
                return candidate
        raise UsageError(
            f"the matrix has no method {name!r}; it has: {', '.join(candidate.name for candidate in self.methods)}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def overridden(
    matrix: Matrix,
    *,
    data: Mapping[str, str] | None = None,
    backbone: Sequence[str] = (),
    image_size: int | None = None,
    seeds: int | None = None,
) -> Matrix:
    """Return the matrix with the changes of a command line.

    `data`: paths by name; `backbone`: an id for all data sets of images, or `NAME=ID` for one, which takes precedence
    in any order; `image_size`: of all data sets of images; `seeds`: their number, counted from 0. Raises `UsageError`
    for a name that isn't in the matrix, and for a value that is empty or below 1.
    """
    if seeds is not None and seeds < 1:
        raise UsageError(f"seeds must be a whole number of at least 1, got {seeds}")
    if image_size is not None and image_size < 1:
        raise UsageError(f"image_size must be a whole number of at least 1, got {image_size}")
    for name, path in (data or {}).items():
        if not path:
            raise UsageError(f"the path of {matrix.entry(name).name} is empty; give one as {name}=PATH")
        matrix.entry(name)
    for_all: dict[str, str] = {}
    by_name: dict[str, str] = {}
    for text in backbone:
        name, is_named, checkpoint = text.partition("=")
        # an id has no "=", but the path of a checkpoint may have one
        if is_named and "/" not in name:
            by_name[matrix.entry(name).name] = checkpoint
        else:
            for_all |= {data_entry.name: text for data_entry in matrix.data if not data_entry.sound}
        if not text or (is_named and not checkpoint):
            raise UsageError(f"the backbone {text!r} has no id; give ID for all data sets or NAME=ID for one")
    by_name = {**for_all, **by_name}
    entries = tuple(
        replace(
            data_entry,
            path=(data or {}).get(data_entry.name, data_entry.path),
            backbone=by_name.get(data_entry.name, data_entry.backbone),
            image_size=data_entry.image_size if image_size is None or data_entry.sound else image_size,
        )
        for data_entry in matrix.data
    )
    return replace(matrix, data=entries, seeds=matrix.seeds if seeds is None else tuple(range(seeds)))
