"""`preforget`: reads the arguments, runs one command, and turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import contextlib
import errno
import signal
import sys
from collections.abc import Sequence
from typing import Any

from preforget import __version__
from preforget.cli import (
    add,
    attach,
    audit,
    bench,
    classes,
    copies,
    demo,
    detach,
    doctor,
    evaluate,
    forget,
    info,
    init_ast,
    join,
    keys,
    learn,
    ledger,
    predict,
    receipt,
    refit,
    rename,
    restore,
    seal,
    serve,
    set_keep,
    subjects,
    tokens,
    upgrade,
    verify,
    verify_page,
)
from preforget.cli.argument_order import options_first
from preforget.cli.console import Console, harmless, note
from preforget.cli.engine_options import named_engine
from preforget.cli.leftovers import clear_beside
from preforget.core.errors import PreforgetError
from preforget.core.paths import shortened

COMMANDS = (
    *(
        demo,
        learn,
        join,
        predict,
        evaluate,
        set_keep,
        classes,
        forget,
        detach,
        attach,
        add,
        rename,
        subjects,
        refit,
        upgrade,
    ),
    *(
        verify,
        verify_page,
        audit,
        bench,
        serve,
        tokens,
        receipt,
        seal,
        keys,
        ledger,
        copies,
        restore,
        info,
        doctor,
        init_ast,
    ),
)
INTERRUPTED = 130
EPILOG = """\
examples:
  preforget demo
  preforget learn digits --out model
  preforget forget model 3
  preforget predict model image.png
  preforget verify receipt.json model
  preforget verify model --against-retrain digits
  preforget audit model --data digits --forget 3
  preforget bench quick

exit codes: 0 done, 1 failure, 2 usage, such as a MODEL or DATA that does not exist, 3 verification
failed, 4 audit threshold missed, 5 class not found or already forgotten, 130 interrupted
"""
MACHINE_FAULTS = frozenset(
    getattr(errno, name)
    for name in (
        "ENOSPC",
        "EDQUOT",
        "EFBIG",
        "EROFS",
        "EACCES",
        "EPERM",
        "EIO",
        "EMFILE",
        "ENFILE",
        "ENAMETOOLONG",
    )
    if hasattr(errno, name)
)
"""Faults of disk and rights, which the user can mend; any other `OSError` is our mistake and keeps its traceback."""


class Parser(argparse.ArgumentParser):
    """A parser whose messages can't steer a terminal, whatever the arguments hold that they repeat.

    Options of a command may stand before, between or after its names.
    """

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Read the arguments, those of a command in any order."""
        given = sys.argv[1:] if args is None else list(args)
        if self._subparsers is None:
            given = options_first(self, given)
        return super().parse_known_args(given, namespace)

    def _print_message(self, message: str, file: Any = None) -> None:
        super()._print_message(harmless(message), file)


def build_parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return the parser of all commands; imports nothing heavy unless `arguments` name an extension's engine."""
    parser: argparse.ArgumentParser = Parser(
        prog="preforget",
        description="Classifiers of images and sounds that can forget a class or a person at once.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"preforget {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        if command is learn:
            learn.add_to(commands, named_engine(arguments))
        else:
            command.add_to(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        args = build_parser(sys.argv[1:] if argv is None else argv).parse_args(argv)
    except SystemExit as stop:  # argparse has said why
        return stop.code if isinstance(stop.code, int) else 2
    stdout = sys.stdout
    try:
        # libraries that print must not get between our data
        with contextlib.redirect_stdout(sys.stderr):
            clear_beside(args)
            code: int = args.run(args, Console(stdout, args.json))
            return code
    except PreforgetError as error:
        message, code = str(error), error.exit_code
    except KeyboardInterrupt as stop:
        if argv is None:  # typed again while the program ends, it would cut off our message and the exit code
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        message, code = str(stop) or "interrupted", INTERRUPTED
    except OSError as error:
        if error.errno not in MACHINE_FAULTS:
            raise
        message, code = f"{shortened(error.filename or 'a file', 300)}: {error.strerror}", 1
    # only here, since a progress line is closed when the traceback is let go
    if message:
        note(f"preforget: {message}")
    return code


if __name__ == "__main__":  # as torchrun starts it
    sys.exit(main())
