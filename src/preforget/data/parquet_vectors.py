"""Vectors in a Parquet table, read by row groups into one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.core.errors import DataError
from preforget.core.names import normal_name
from preforget.data.addresses import open_source


@dataclass(frozen=True)
class Chosen:
    """Columns of a table: of labels, of parts, of persons, and of numbers, or one whose cells are whole vectors."""

    label: str
    split: str | None
    person: str | None
    numbers: Sequence[str]
    whole: str | None


@dataclass(frozen=True, eq=False)
class Read:
    """Vectors `[n, d]` of a table, and the cells of its columns as they are, `[n]` each."""

    rows: npt.NDArray[Any]
    cells: dict[str, list[Any]]


def holds_numbers(path: Path, chosen: Chosen) -> bool:
    """Tell whether the columns of numbers are of a type of numbers, or of lists of them."""
    from pyarrow import parquet, types

    with open_source(path) as raw:
        kinds = {normal_name(field.name): field.type for field in parquet.read_schema(raw)}
    if chosen.whole is not None:
        kind = kinds[chosen.whole]
        lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
        return bool(lists and types.is_floating(kind.value_type))
    return all(types.is_floating(kinds[n]) or types.is_integer(kinds[n]) for n in chosen.numbers)


def read_vectors_of(path: Path, chosen: Chosen) -> Read:
    """Return the vectors of a table for which `holds_numbers` is true; raises `DataError`.

    What is missing becomes NaN. Numbers of 32 bits stay so where all of them are.
    """
    from pyarrow import parquet

    wanted = [chosen.whole] if chosen.whole is not None else list(chosen.numbers)
    others = [name for name in (chosen.label, chosen.split, chosen.person) if name is not None]
    cells: dict[str, list[Any]] = {name: [] for name in others}
    seen: dict[Any, Any] = {}
    with open_source(path) as raw:
        table = parquet.ParquetFile(raw)
        given = {normal_name(name): name for name in table.schema_arrow.names}
        count, rows, start = table.metadata.num_rows, None, 0
        for group in range(table.num_row_groups):
            part = table.read_row_group(group, columns=[given[name] for name in (*wanted, *others)])
            block = _block(path, part, [given[name] for name in wanted], chosen.whole is not None)
            if rows is None:
                rows = np.empty((count, block.shape[1]), block.dtype)
            if block.shape[1] != rows.shape[1]:
                raise DataError(
                    f"{path}: vectors of {rows.shape[1]} and of {block.shape[1]} numbers; make them alike"
                )
            rows[start : start + len(block)] = block
            for name in others:
                # a label that is there a million times is one text
                cells[name] += [
                    seen.setdefault(value, value) for value in part.column(given[name]).to_pylist()
                ]
            start += len(block)
    return Read(np.empty((0, 0), np.float32) if rows is None else rows, cells)


def _block(path: Path, part: Any, names: Sequence[str], lists: bool) -> npt.NDArray[Any]:
    columns = [part.column(name) for name in names]
    if not lists:
        arrays = [column.to_numpy() for column in columns]
        small = all(array.dtype == np.float32 for array in arrays)
        return np.stack(arrays, axis=1, dtype=np.float32 if small else np.float64, casting="unsafe")
    (column,) = columns
    values = np.concatenate([chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks])
    lengths = {0 if cell is None else len(cell) for cell in column}
    if len(lengths) > 1 or column.null_count:
        raise DataError(f"{path}: column {names[0]!r} holds vectors of several lengths; make them alike")
    return values.reshape(len(column), -1)
