"""`preforget verify-page`: write the page that checks receipts in a browser."""

from __future__ import annotations

import argparse
from pathlib import Path

from preforget.cli.console import Console
from preforget.cli.options import Commands, add_command, add_force


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
    add_force(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Write the page and say its digest, by which two people can see that theirs is the same."""
    from preforget.core.hashing import bytes_digest
    from preforget.core.targets import write_target
    from preforget.erasure.verify_page import verify_page

    content = verify_page().encode()
    write_target(args.out, content, force=args.force)
    digest = bytes_digest(content)
    console.line(f"{args.out}  {digest}")
    console.result({"page": str(args.out), "digest": digest})
    return 0
