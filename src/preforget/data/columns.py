"""Which columns of a table are read: those with a usual name, or those that a user names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from preforget.core.errors import DataError, UsageError
from preforget.core.names import normal_name

COLUMNS = ("path", "label", "split", "subject", "text")
"""What a column can hold, as in `--column label=diagnosis`."""

Columns = Mapping[str, str]
"""The name of a column by what it holds."""


def column(plain: Mapping[str, str], names: Sequence[str]) -> str | None:
    """Return the first of these names that a table has; `plain`: names by their lower-case form."""
    return next((plain[name] for name in names if name in plain), None)


def chosen(
    path: Path, header: Sequence[str], columns: Columns | None, what: str, usual: Sequence[str]
) -> str | None:
    """Return the column that holds something: the one that was named, else the first with a usual name, else None.

    Raises `DataError` if the table at `path` lacks the named one.
    """
    plain = {name.casefold(): name for name in header}
    named = (columns or {}).get(what)
    if named is None:
        return column(plain, usual)
    wanted = normal_name(named)
    exact = wanted if wanted in header else plain.get(wanted.casefold())
    if exact is None:
        raise DataError(
            f"{path}: has no column {named!r}, which was named for {what}; it has {', '.join(header) or 'none'}"
        )
    return exact


def has(header: Sequence[str], columns: Columns | None, what: str, usual: Sequence[str]) -> bool:
    """Tell whether a table has a column for something, without an error."""
    plain = {normal_name(name).casefold() for name in header}
    named = (columns or {}).get(what)
    return bool(plain & set(usual)) if named is None else normal_name(named).casefold() in plain


def checked_columns(columns: Columns) -> dict[str, str]:
    """Return named columns; raises `UsageError` for something else than `COLUMNS`."""
    for what, name in columns.items():
        if what not in COLUMNS:
            raise UsageError(f"columns can be named for {', '.join(COLUMNS)}, not for {what!r}")
        if not isinstance(name, str) or not name.strip():
            raise UsageError(f"the column for {what} must be a name, got {name!r}")
    return dict(columns)


def parsed_columns(words: Sequence[str] | None) -> dict[str, str] | None:
    """Return the columns that words such as `label=diagnosis` name, None for none; raises `UsageError`.

    >>> parsed_columns(["label=diagnosis", "path=file"])
    {'label': 'diagnosis', 'path': 'file'}
    """
    if not words:
        return None
    named: dict[str, str] = {}
    for word in words:
        what, divider, name = word.partition("=")
        if not divider:
            raise UsageError(
                f"--column {word!r}: write what a column holds and its name, such as label={word}"
            )
        if what in named:
            raise UsageError(f"--column {what}= was given twice")
        named[what] = name
    return checked_columns(named)
