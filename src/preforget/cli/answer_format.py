"""How a command that answers prints: lines for people, a table divided by tabs or commas, or one JSON object."""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from preforget.cli.console import Console
from preforget.core.errors import UsageError

FORMATS = ("text", "tsv", "csv", "json")


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="how to print: tsv and csv have a line of names first, json is --json (default: text)",
    )


def choose_format(args: argparse.Namespace, console: Console, file: Path | None = None) -> str:
    """Return the format that is asked for, and tell the console of JSON; raises `UsageError` for two formats.

    `file`: where it is written to; its ending says the format where no option does.
    """
    if args.json and args.format not in (None, "text", "json"):
        raise UsageError(f"--json and --format {args.format} are two ways to print; give one")
    ending = "" if file is None else file.suffix.lower().removeprefix(".")
    form = "json" if args.json else args.format or (ending if ending in FORMATS else "text")
    console.as_json = form == "json"
    return str(form)


def table_line(cells: Sequence[Any], form: str) -> str:
    """Return one line of a table, `tsv` or `csv`; cells hold no tabs and no ends of lines.

    >>> table_line(["a, b", 1], "csv")
    '"a, b",1'
    """
    if form == "tsv":
        return "\t".join(map(str, cells))
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()
