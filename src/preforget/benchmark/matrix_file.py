"""Reads a matrix from a TOML file; an unknown, missing or unusable entry is an error that names it."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from preforget.baselines import METHODS, LoraHeadConfig
from preforget.benchmark.class_sets import ALL_BUT_ONE, EVERY, HALF
from preforget.benchmark.columns import COLUMNS
from preforget.benchmark.matrix import EACH, FIRST, DataEntry, EngineEntry, Matrix, MethodEntry
from preforget.benchmark.own_method import load_method
from preforget.benchmark.search_space import check_space
from preforget.benchmark.toml_table import Table, is_of
from preforget.core.errors import UsageError
from preforget.core.files import read_regular
from preforget.engines import ENGINES, choices

T = TypeVar("T")

MAX_BYTES = 2**24
"""The largest file that is read as a matrix."""

SHIPPED = {name: Path(__file__).with_name(f"{name}.toml") for name in ("quick", "paper")}
"""Matrices that come with the package."""
LETTERS = frozenset(string.ascii_letters + string.digits + "._-")
"""Letters that names may have, so that they fit file names and every kind of table."""
LORA = "lora"
"""The name of the ordinary classifier among the learners."""
OWN_SEEDS = "leave it out, a matrix lists its seeds: seeds = [0, 1]"


def read_matrix(path: Path) -> Matrix:
    """Read a matrix; raises `UsageError` that names an unknown, missing or unusable entry."""
    try:
        values = tomllib.loads(read_regular(path, MAX_BYTES, follow=True).decode())
    except OSError as error:
        raise UsageError(
            f"{path} can't be read: {error.strerror or error}; give a TOML file, or one of: {', '.join(SHIPPED)}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error
    return matrix_of(values, path.name, path.stem, path.parent)


def matrix_of(values: Mapping[str, Any], location: str, name: str, folder: Path | None = None) -> Matrix:
    """Return the matrix that plain values describe; `location` names it in error messages.

    `folder`: what the paths of the user's own methods start from, the current folder by default.
    """
    t = Table(values, location)
    matrix = Matrix(
        name=t.take("name", str, name),
        data=tuple(map(_data, t.tables("data"))),
        engines=tuple(map(_engine, t.tables("engines"))),
        methods=tuple(_method(item, folder or Path()) for item in t.tables("methods")),
        k=_values(t, "k", [1], _is_size, f"numbers from 1, {HALF!r} or {ALL_BUT_ONE!r}"),
        seeds=_values(t, "seeds", [0], lambda v: is_of(v, int) and v >= 0, "whole numbers from 0"),
        sets=t.tested(
            "sets", 3, lambda v: v == EVERY or (is_of(v, int) and v >= 1), f"a number from 1, or {EVERY!r}"
        ),
        sets_seed=t.whole("sets_seed", 0, 0),
        trials=t.whole("trials", 1, 4),
        search=t.among("search", (EACH, FIRST), EACH),
        rows=t.whole("rows", 10, 200),
        lora=_lora(t),
        measures=_values(
            t,
            "measures",
            list(COLUMNS),
            lambda v: is_of(v, str) and v in COLUMNS,
            f"some of {', '.join(COLUMNS)}",
        ),
        dtype=t.among("dtype", ("auto", "float32", "bfloat16"), "auto"),
    )
    t.finish()
    named = {
        "data": [item.name for item in matrix.data],
        "engines": [item.name for item in matrix.engines],
        "methods": [item.name for item in matrix.methods],
    }
    for what, names in named.items():
        for item in names:
            if names.count(item) > 1:
                remedy = "give each a name of its own" if what == "engines" else "leave one out"
                raise UsageError(f"{location}: {what} names {item!r} twice; {remedy}")
            if not item or not set(item) <= LETTERS:
                raise UsageError(
                    f"{location}: {what} has the name {item!r}; use letters, digits, '.', '_' and '-'"
                )
    for entry in matrix.engines:
        if entry.name in METHODS or entry.name == LORA:
            raise UsageError(
                f"{location}: an engine can't be called {entry.name!r}, which is a method's name; choose another"
            )
    if not matrix.data or not (matrix.engines or matrix.methods):
        raise UsageError(
            f"{location}: nothing to compare; name at least one data set and one engine or method"
        )
    return matrix


def _data(t: Table) -> DataEntry:
    entry = DataEntry(
        name=t.take("name", str, needed=True),
        path=_filled(t, "path", None),
        backbone=_filled(t, "backbone", "builtin"),
        image_size=t.whole("image_size", 1),
        size=t.whole("size", 1, 28),
        train=t.whole("train", 1),
        test=t.whole("test", 1),
        sound=t.take("sound", bool, False),
        needs_path=t.take("needs_path", bool, False),
        note=t.take("note", str, ""),
    )
    t.finish()
    return entry


def _engine(t: Table) -> EngineEntry:
    name = t.take("name", str, needed=True)
    engine = t.among("engine", choices(), name)
    options = t.take("options", dict, {})
    t.finish()
    if "seed" in options:
        raise UsageError(f"{t.location}: the options have a seed of {options['seed']!r}; {OWN_SEEDS}")
    _checked(t, lambda: ENGINES[engine].options_type.from_options({"seed": 0, **options}))
    return EngineEntry(name, engine, options)


def _method(t: Table, folder: Path) -> MethodEntry:
    name = t.take("name", str, needed=True)
    options, search = t.take("options", dict, {}), t.take("search", dict)
    given_file = _filled(t, "file", None)
    t.finish()
    file, digest = None, None
    if given_file is not None:
        file = str((folder / given_file).absolute())
        digest = _checked(t, lambda: load_method(name, folder / given_file))
    kind = _checked(t, lambda: METHODS[name])
    for key, values in (search or {}).items():
        if not isinstance(values, list) or not values:
            raise UsageError(f"{t.location}: search of {key} must be a list of values, got {values!r}")
    space = None if search is None else {key: tuple(values) for key, values in search.items()}
    _checked(t, lambda: check_space(kind, options, space))
    return MethodEntry(name, options, space, file, digest)


def _lora(t: Table) -> dict[str, Any]:
    options: dict[str, Any] = t.take("lora", dict, {})
    if "seed" in options:
        raise UsageError(f"{t.location}: lora has a seed of {options['seed']!r}; {OWN_SEEDS}")
    _checked(t, lambda: LoraHeadConfig.from_options(options))
    return options


def _values(
    t: Table, key: str, default: list[Any], fits: Callable[[Any], bool], allowed: str
) -> tuple[Any, ...]:
    values = t.take(key, list, default)
    for number, value in enumerate(values):
        if not fits(value):
            raise UsageError(f"{t.location}: {key} has the unknown value {value!r}; give {allowed}")
        if value in values[:number]:
            raise UsageError(f"{t.location}: {key} has {value!r} twice; leave one out")
    if not values:
        raise UsageError(f"{t.location}: {key} is empty; give {allowed}")
    return tuple(values)


def _filled(t: Table, key: str, default: str | None) -> Any:
    value = t.take(key, str, default)
    if value == "":
        raise UsageError(f"{t.location}: {key} is empty; fill it in or leave it out")
    return value


def _is_size(value: Any) -> bool:
    return value in (HALF, ALL_BUT_ONE) or (is_of(value, int) and value >= 1)


def _checked(t: Table, make: Callable[[], T]) -> T:
    """Return what `make` returns, with the table's location in front of its error; wrong types are errors too."""
    try:
        return make()
    except (UsageError, TypeError) as error:
        raise UsageError(f"{t.location}: {error}") from error
