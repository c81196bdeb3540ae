"""Read a table as rows of text: CSV with commas, semicolons or tabs, as editors and libraries write it; JSON Lines;
Parquet.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from preforget.core.errors import DataError
from preforget.core.files import open_regular
from preforget.core.names import normal_name
from preforget.data.addresses import open_source, source_of
from preforget.data.embedded import EmbeddedFile, embedded
from preforget.data.stored_files import CellFile

MAX_BYTES = 2**30
"""The largest table that is read."""

SEPARATORS = (",", ";", "\t")

STATED = re.compile(r'"?sep=([,;\t|])"?\s*', re.IGNORECASE)
"""The first line by which Excel is told the separator; it is no header."""


@dataclass(frozen=True)
class Rows:
    """`header`: the names of the columns; `lines`: of each row its number in the file, and its cells by column."""

    header: list[str]
    lines: list[tuple[int, dict[str, str]]]
    remarks: list[str] = field(default_factory=list)
    files: dict[str, EmbeddedFile] = field(default_factory=dict)
    """Files that the table itself holds, by the text of their cells."""


def read_rows(path: Path) -> Rows:
    """Return the rows of a table; raises `DataError` that names the file and the line."""
    if path.suffix.lower() == ".parquet":
        return _from_parquet(path)
    if path.suffix.lower() == ".jsonl":
        return _from_lines(path)
    try:
        with open_regular(path, MAX_BYTES) as raw:
            start = raw.read(4)
            raw.seek(0)
            text = io.TextIOWrapper(raw, _encoding(start), newline="")
            first = text.readline(MAX_BYTES)
            said = STATED.fullmatch(first)
            separator = (
                said[1] if said else max(SEPARATORS, key=lambda sign: (first.count(sign), sign == ","))
            )
            text.seek(0)
            reader = csv.reader(text, delimiter=separator)
            if said:
                next(reader)
            header = [normal_name(name) for name in next(reader, [])]
            lines = [(reader.line_num, values) for values in reader if any(value.strip() for value in values)]
    except csv.Error as error:
        raise DataError(f"{path}: can't be read as CSV: {error}; a quotation mark may be open") from error
    except (OSError, UnicodeError) as error:
        raise DataError(f"{path}: can't be read as CSV in UTF-8: {error}; save it in UTF-8") from error
    return _checked(path, header, lines)


def _encoding(start: bytes) -> str:
    """Return the encoding that the first bytes give: UTF-16 where they say so, as Excel's text files, else UTF-8."""
    return "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def _checked(path: Path, header: list[str], lines: list[tuple[int, list[str]]]) -> Rows:
    if header and not header[0]:  # the index that pandas writes without a name
        header = header[1:]
        lines = [(line, values[1:]) for line, values in lines]
    if len(set(header)) < len(header) or not all(header):
        raise DataError(f"{path}: the header has a column twice or without a name")
    if not lines:
        raise DataError(f"{path}: lists no input below its header")
    for line, values in lines:
        if len(values) != len(header):
            raise DataError(f"{path}, line {line}: {len(values)} values for {len(header)} columns")
    return Rows(header, [(line, dict(zip(header, values, strict=True))) for line, values in lines])


def _from_lines(path: Path) -> Rows:
    """Return the rows of a file with a JSON object on each line, such as `metadata.jsonl` of Hugging Face."""
    objects: list[tuple[int, dict[str, Any]]] = []
    try:
        with open_regular(path, MAX_BYTES) as raw:
            texts = raw.read().decode("utf-8-sig").split("\n")
    except (OSError, UnicodeError) as error:
        raise DataError(f"{path}: can't be read as JSON Lines in UTF-8: {error}") from error
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}, line {number}: no JSON: {error}") from error
        if not isinstance(value, dict):
            raise DataError(
                f"{path}, line {number}: {type(value).__name__}, not an object of names and values"
            )
        objects.append((number, value))
    names = list(dict.fromkeys(name for _, value in objects for name in value))
    lines = []
    for number, value in objects:
        try:
            where = _Cell(path, number, 0, 0)  # without files: JSON has no bytes
            lines.append((number, [_text(where, name, value.get(name), {}, {}) for name in names]))
        except (ValueError, RecursionError, OverflowError) as error:
            raise DataError(f"{path}, line {number}: a value that is no text or number: {error}") from error
    return _checked(path, [normal_name(name) for name in names], lines)


def _from_parquet(path: Path) -> Rows:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DataError(
            f"{path}: Parquet tables need a library that isn't installed: pip install 'preforget[tables]', or save it "
            "as CSV"
        ) from None
    lines: list[tuple[int, list[str]]] = []
    files: dict[str, EmbeddedFile] = {}
    try:
        with open_source(path) as raw:
            table = pyarrow.parquet.ParquetFile(raw)
            columns = [n for n in table.schema_arrow.names if not n.startswith("__index_level_")]
            names = _class_names(table.schema_arrow.metadata)
            for group in range(table.num_row_groups):  # so that one alone is in memory
                part = table.read_row_group(group, columns=columns).to_pydict()
                for row, values in enumerate(zip(*part.values(), strict=True)):
                    where = _Cell(path, len(lines) + 1, group, row)
                    cells = [
                        _text(where, name, value, names, files)
                        for name, value in zip(part, values, strict=True)
                    ]
                    lines.append((where.number, cells))
    except OSError as error:
        raise DataError(f"{path}: can't be read as Parquet: {error}") from error
    except (pyarrow.ArrowException, ValueError, TypeError, KeyError, RuntimeError, OverflowError) as error:
        raise DataError(f"{path}: can't be read as Parquet: {error}") from error
    return replace(_checked(path, [normal_name(name) for name in columns], lines), files=files)


@dataclass(frozen=True)
class _Cell:
    """Where a row of a Parquet table lies; `number`: of the row in the whole table, from 1."""

    path: Path
    number: int
    group: int
    row: int


def _text(
    where: _Cell,
    name: str,
    value: Any,
    names: dict[str, list[str]],
    files: dict[str, EmbeddedFile],
) -> str:
    """Return a value as a cell: whole numbers of classes by their names, a file by its path; files go to `files`."""
    if value is None or value != value:
        return ""
    if (file := embedded(value, where.path / name, where.number)) is not None:
        files[str(file)] = CellFile.within(file, (source_of(where.path), name, where.group, where.row))
        return str(file)
    if isinstance(value, dict):
        return str(value.get("path") or "")
    if isinstance(value, float) and value == int(value):
        value = int(value)
    if name in names and isinstance(value, int) and 0 <= value < len(names[name]):
        return names[name][value]
    if isinstance(value, list | tuple):
        return "|".join(_text(where, name, each, names, files) for each in value)
    return str(int(value)) if isinstance(value, bool) else str(value)


def _class_names(metadata: dict[bytes, bytes] | None) -> dict[str, list[str]]:
    """Return the names of classes that the library `datasets` of Hugging Face leaves beside numbers, by column."""
    try:
        features = json.loads((metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        return {
            column: [str(name) for name in feature["names"]]
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
