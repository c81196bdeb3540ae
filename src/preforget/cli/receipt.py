"""`preforget receipt FILE`: show a receipt to a person, on the terminal or as a page."""

from __future__ import annotations

import argparse
from pathlib import Path

from preforget.cli.console import Console, printable
from preforget.cli.options import Commands, add_command, add_force, add_keyring, add_public_keys, keyring
from preforget.core.errors import UsageError


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "receipt",
        "show the receipt of an erasure, or make a page of it",
        "The signature is checked; to check it against a model: preforget verify RECEIPT MODEL.",
    )
    parser.add_argument("receipt", metavar="RECEIPT", type=Path, help="file of a receipt")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a self-contained page")
    add_force(parser)
    add_public_keys(parser)
    add_keyring(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Check the signature, then show."""
    from preforget.erasure.receipt import read_given, read_receipt
    from preforget.erasure.verify import trusted_keys

    content = read_given(args.receipt)
    receipt, key_id = read_receipt(content, trusted_keys(args.public_key, keyring(args)))
    if args.html is not None:
        from preforget.core.targets import write_target
        from preforget.erasure.receipt_page import page

        if args.html.resolve() == args.receipt.resolve():
            raise UsageError(f"{args.html} is the receipt; choose another name for the page")
        write_target(args.html, page(receipt, key_id, checked=True).encode(), force=args.force)
    console.line(f"erased     a {receipt.what}: {len(receipt.records)} records, {receipt.finished}")
    console.line(f"guarantee  {receipt.guarantee['name']}: {receipt.guarantee['meaning']}")
    for check in receipt.checks:
        console.line(
            f"check      {check['name']}: {'passed' if check['passed'] else 'FAILED'}, {check['detail']}"
        )
    for copy in receipt.copies:
        console.line(f"copy       {copy['kind']} {copy['id'][:8]}: {copy['status']}, {copy['detail']}")
    for word, text in (("request", receipt.request["reference"]), ("grounds", receipt.request["grounds"])):
        if text is not None:
            console.line(f"{word:9}  {printable(text)}")
    for sentence in receipt.not_claimed:
        console.line(f"no claim   {sentence}")
    console.line(f"signed by  {key_id}")
    console.result({"key": key_id, "statement": receipt.statement()})
    return 0
