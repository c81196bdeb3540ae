"""The output of a command: data on stdout, for people or as one JSON object; notes on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any, TextIO

from preforget.core.errors import PreforgetError
from preforget.core.names import printable

__all__ = ["Console", "Interrupted", "OutputError", "harmless", "note", "percent", "printable"]


class OutputError(PreforgetError):
    """Standard output can't be written, such as a full disk; no message if its reader has closed it."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with a message that says what is left and how to continue."""


class Console:
    """Writes to `stream` either lines for people or, with `as_json`, one JSON object; never both."""

    def __init__(self, stream: TextIO, as_json: bool) -> None:
        self._stream = stream
        self.as_json = as_json

    def line(self, text: str = "") -> None:
        """Write a line for people at once; nothing under `--json`."""
        if not self.as_json:
            encoding, text = self._stream.encoding or "utf-8", harmless(text)
            self._write(text.encode(encoding, "backslashreplace").decode(encoding))

    def result(self, data: dict[str, Any]) -> None:
        """Write the JSON object; nothing without `--json`."""
        if self.as_json:
            self._write(json.dumps(data, indent=2, allow_nan=False))

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except OSError as error:
            with contextlib.suppress(
                OSError, ValueError
            ):  # otherwise the interpreter fails on the rest at exit
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            gone = isinstance(error, BrokenPipeError)
            message = "" if gone else f"standard output can't be written: {error.strerror}"
            raise OutputError(message) from error


def note(text: str = "") -> None:
    """Write a line on stderr: progress, questions, advice."""
    print(harmless(text), file=sys.stderr, flush=True)  # noqa: T201 - this is the one place


def harmless(text: str) -> str:
    r"""Return lines of text as `printable` returns a name, with their ends and tabs: for text that may hold names.

    >>> harmless("a\tb\n\x1b[2J")
    'a\tb\n\\x1b[2J'
    """
    return text if text.isprintable() else "".join(c if c in "\n\t" else printable(c) for c in text)


def percent(share: float) -> str:
    """Return a share with one decimal, as wide as `100.0 %`.

    >>> percent(0.9733)
    ' 97.3 %'
    """
    return f"{share:6.1%}".replace("%", " %")
