"""Paths as users give them: a leading `~` is the home folder only where no file has that name; bad ones get a word."""

from __future__ import annotations

import os
from pathlib import Path

from preforget.core.errors import UsageError

LONGEST = 200
"""Characters of a path that an error message shows."""


def given_path(given: str | os.PathLike[str]) -> Path:
    """Return a path with `~` or `~name` expanded, unless a file or folder is really called so.

    A name that no home folder belongs to is left as it is, so the caller finds that there is no such file. Raises
    `UsageError` for what is neither text nor a path.

    >>> given_path("model").as_posix(), given_path("~1.png").as_posix()
    ('model', '~1.png')
    """
    if not isinstance(given, str | os.PathLike):
        raise UsageError(
            f"a path is a text or a Path, not {shortened(repr(given))}; lists of files go to fit and predict"
        )
    path = Path(given)
    if not path.parts or not path.parts[0].startswith("~") or exists(path):
        return path
    try:
        return path.expanduser()
    except (RuntimeError, ValueError):  # no user of that name, or no name at all
        return path


def absolute_path(given: str | os.PathLike[str]) -> Path:
    """Return a path as `given_path` does, from the root on, so that it holds after a change of the current folder.

    Links are not followed. Text that can't be a path is left as it is.
    """
    path = given_path(given)
    return path if "\0" in str(path) else Path(os.path.abspath(path))  # noqa: PTH100 - resolve() follows links


def exists(path: Path) -> bool:
    """Tell whether something lies at a path; text that can't be a path (too long, a null byte) is never there."""
    try:
        return os.path.lexists(path)
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Tell whether a path is that of a file; text that can't be a path is that of none."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for names that are too long


def shortened(given: object, longest: int = LONGEST) -> str:
    """Return text that may be anything a user pasted, cut in the middle, on one line.

    >>> shortened("a" * 100, 9)
    'aaaa…aaaa'
    """
    text = str(given).replace("\n", " ").replace("\r", " ").replace("\0", " ")
    if len(text) <= longest:
        return text
    half = (longest - 1) // 2
    return f"{text[:half]}…{text[-half:]}"
