"""Where a command's answers go: standard output, or a file that is written whole or not at all."""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from preforget.cli.answer_format import choose_format
from preforget.cli.console import Console, printable
from preforget.cli.options import add_force
from preforget.core.paths import given_path
from preforget.core.targets import check_target, write_target


def add_out(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help="write the answers into a file; its ending, such as .csv, says the format if --format doesn't",
    )
    add_force(parser)


@dataclass(frozen=True)
class Output:
    """`form`: the format of the answers; `file`: where they go, None for standard output."""

    console: Console
    form: str
    file: Path | None
    force: bool

    @classmethod
    def of(cls, args: argparse.Namespace, console: Console) -> Self:
        """Return what the options ask for; raises `UsageError` for a file that can't be written."""
        if args.out is None:
            return cls(console, choose_format(args, console), None, False)
        file = given_path(args.out)
        form = choose_format(args, Console(io.StringIO(), as_json=False), file)
        check_target(file, force=args.force)
        return cls(console, form, file, args.force)

    def write(self, lines: Iterable[str], result: dict[str, Any], count: int) -> None:
        """Write the lines, or the result as JSON, and where there is a file say how many answers it holds."""
        text = io.StringIO()
        console = self.console if self.file is None else Console(text, self.form == "json")
        for line in lines:
            console.line(line)
        console.result(result)
        if self.file is not None:
            write_target(self.file, text.getvalue().encode("utf-8", "backslashreplace"), force=self.force)
            self.console.line(f"{count:,} answers written to {printable(str(self.file))}")
            self.console.result({"model": result["model"], "out": str(self.file), "answers": count})
