"""`preforget verify-page`: write the page that checks receipts in a browser."""

from __future__ import annotations

import argparse
from pathlib import Path

from preforget.cli.console import Console
from preforget.cli.options import Commands, add_command
from preforget.core.errors import StoreError, UsageError


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "verify-page",
        "write a page that checks receipts in a browser, without a network",
        "It shares no code with what makes receipts, and it is one file: give it to whoever gets receipts.",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        default=Path("verify.html"),
        help="the page (default: verify.html)",
    )
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Write the page and say its digest, by which two people can see that theirs is the same."""
    from preforget.core.files import write_atomic
    from preforget.core.hashing import bytes_digest
    from preforget.erasure.verify_page import verify_page

    if args.out.is_symlink() or (args.out.exists() and not args.out.is_file()):
        raise UsageError(f"{args.out} is no plain file; choose another name for the page")
    content = verify_page().encode()
    if args.out.exists() and not args.force:
        raise UsageError(f"{args.out} is there already; choose another name, or give --force to replace it")
    try:
        write_atomic(args.out, content)
    except OSError as error:
        raise StoreError(f"{args.out} can't be written: {error.strerror or error}") from error
    digest = bytes_digest(content)
    console.line(f"{args.out}  {digest}")
    console.result({"page": str(args.out), "digest": digest})
    return 0
