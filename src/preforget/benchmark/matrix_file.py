"""Reads a matrix from a TOML file: what is unknown, missing or can't be used is an error that names it."""

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
"""No matrix is larger."""

SHIPPED = {name: Path(__file__).with_name(f"{name}.toml") for name in ("quick", "paper")}
"""Matrices that come with the package."""
LETTERS = frozenset(string.ascii_letters + string.digits + "._-")
"""Of names, so that they can stand in file names and in every kind of table."""
LORA = "lora"
"""What the ordinary classifier is called among what is learned."""
OWN_SEEDS = "leave it out, a matrix has its own: seeds = [0, 1]"


def read_matrix(path: Path) -> Matrix:
    """Read a matrix; raises `UsageError` that names what is unknown, missing or can't be used."""
    try:
        values = tomllib.loads(read_regular(path, MAX_BYTES, follow=True).decode())
    except OSError as error:
        raise UsageError(
            f"{path} can't be read: {error.strerror or error}; give a TOML file, or one of: {', '.join(SHIPPED)}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no TOML: {error}") from error
    return matrix_of(values, path.name, path.stem, path.parent)


def matrix_of(values: Mapping[str, Any], place: str, name: str, folder: Path | None = None) -> Matrix:
    """Return the matrix that plain values describe; `place` is what errors call them.

    `folder`: where the files of own methods lie, else the present one.
    """
    t = Table(values, place)
    found = Matrix(
        name=t.take("name", str, name),
        data=tuple(map(_data, t.tables("data"))),
        engines=tuple(map(_engine, t.tables("engines"))),
        methods=tuple(_method(one, folder or Path()) for one in t.tables("methods")),
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
        "data": [one.name for one in found.data],
        "engines": [one.name for one in found.engines],
        "methods": [one.name for one in found.methods],
    }
    for what, names in named.items():
        for one in names:
            if names.count(one) > 1:
                remedy = "give each a name of its own" if what == "engines" else "leave one out"
                raise UsageError(f"{place}: {what} names {one!r} twice; {remedy}")
            if not one or not set(one) <= LETTERS:
                raise UsageError(
                    f"{place}: {what} has the name {one!r}; use letters, digits, '.', '_' and '-'"
                )
    for entry in found.engines:
        if entry.name in METHODS or entry.name == LORA:
            raise UsageError(
                f"{place}: an engine can't be called {entry.name!r}, which is a method's name; choose another"
            )
    if not found.data or not (found.engines or found.methods):
        raise UsageError(f"{place}: nothing to compare; name at least one data set and one engine or method")
    return found


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
        raise UsageError(f"{t.place}: the options have a seed of {options['seed']!r}; {OWN_SEEDS}")
    _checked(t, lambda: ENGINES[engine].options_type.from_options({"seed": 0, **options}))
    return EngineEntry(name, engine, options)


def _method(t: Table, folder: Path) -> MethodEntry:
    name = t.take("name", str, needed=True)
    options, search = t.take("options", dict, {}), t.take("search", dict)
    own_file = _filled(t, "file", None)
    t.finish()
    file, digest = None, None
    if own_file is not None:
        file = str((folder / own_file).absolute())
        digest = _checked(t, lambda: load_method(name, folder / own_file))
    kind = _checked(t, lambda: METHODS[name])
    for key, own in (search or {}).items():
        if not isinstance(own, list) or not own:
            raise UsageError(f"{t.place}: search of {key} must be a list of values, got {own!r}")
    space = None if search is None else {key: tuple(own) for key, own in search.items()}
    _checked(t, lambda: check_space(kind, options, space))
    return MethodEntry(name, options, space, file, digest)


def _lora(t: Table) -> dict[str, Any]:
    options: dict[str, Any] = t.take("lora", dict, {})
    if "seed" in options:
        raise UsageError(f"{t.place}: lora has a seed of {options['seed']!r}; {OWN_SEEDS}")
    _checked(t, lambda: LoraHeadConfig.from_options(options))
    return options


def _values(
    t: Table, key: str, default: list[Any], fits: Callable[[Any], bool], wanted: str
) -> tuple[Any, ...]:
    values = t.take(key, list, default)
    for number, value in enumerate(values):
        if not fits(value):
            raise UsageError(f"{t.place}: {key} has the unknown value {value!r}; give {wanted}")
        if value in values[:number]:
            raise UsageError(f"{t.place}: {key} has {value!r} twice; leave one out")
    if not values:
        raise UsageError(f"{t.place}: {key} is empty; give {wanted}")
    return tuple(values)


def _filled(t: Table, key: str, default: str | None) -> Any:
    value = t.take(key, str, default)
    if value == "":
        raise UsageError(f"{t.place}: {key} is an empty text; fill it or leave it out")
    return value


def _is_size(value: Any) -> bool:
    return value in (HALF, ALL_BUT_ONE) or (is_of(value, int) and value >= 1)


def _checked(t: Table, make: Callable[[], T]) -> T:
    """Return what `make` does, with the table's place in front of its error; options of a wrong type are one too."""
    try:
        return make()
    except (UsageError, TypeError) as error:
        raise UsageError(f"{t.place}: {error}") from error
