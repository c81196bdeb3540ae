"""`preforget keys make|show|rotate`: the keys that sign receipts, and whose models have keys here."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from preforget.cli.console import Console, note
from preforget.cli.options import Commands, add_command, add_keyring, keyring
from preforget.core.errors import StoreError, UsageError


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "keys",
        "make, show or rotate the key that signs receipts",
        "Give the public key to whoever is to check receipts. No private key is ever printed.",
    )
    parser.add_argument("action", choices=("make", "show", "rotate"), help="what to do")
    add_keyring(parser)
    parser.add_argument(
        "--passphrase",
        action="store_true",
        help="make: encrypt the keyring with a passphrase that is asked for",
    )
    parser.add_argument("--public", metavar="FILE", type=Path, help="also write the current public key there")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Make, rotate or only show."""
    from preforget.store.keyring import open_keyring

    if args.passphrase and args.action != "make":
        raise UsageError("--passphrase goes with 'make'; to change it, move the keys to a new keyring")
    if args.passphrase and not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask at; set PREFORGET_PASSPHRASE instead of --passphrase")
    if args.public is not None and not args.public.absolute().parent.is_dir():
        raise UsageError(f"{args.public.parent} does not exist; make that folder first")
    ring = open_keyring(args.keyring, ask_twice) if args.passphrase else keyring(args)
    signing = ring.signing
    if args.action == "make":
        signing.make()
    elif args.action == "rotate":
        signing.rotate()
    known = signing.known()
    if not known:
        raise UsageError(f"{ring.place} has no signing key yet; make one with: preforget keys make")
    current = signing.current()
    for key_id in known:
        console.line(f"{key_id}  {'current' if key_id == current.key_id else 'former'}")
    console.line(current.public_pem.decode().rstrip())
    models = ring.models()
    console.line(f"{len(models)} models have something in {ring.place}")
    if args.public is not None:
        from preforget.core.files import write_atomic

        try:
            write_atomic(args.public, current.public_pem)
        except OSError as error:
            raise StoreError(f"{args.public} can't be written: {error.strerror or error}") from error
    console.result(
        {
            "keyring": ring.place,
            "current": current.key_id,
            "public": current.public_pem.decode(),
            "known": sorted(known),
            "models": models,
        }
    )
    return 0


def ask_twice() -> str:
    """Ask for a new passphrase, twice; raises `UsageError` if the answers differ or are empty."""
    try:
        first = getpass.getpass("New passphrase of the keyring: ")
        again = getpass.getpass("Once more: ") if first else ""
    except EOFError:
        raise UsageError("no passphrase was given; nothing was made") from None
    if not first or first != again:
        raise UsageError("the passphrases differ or are empty; nothing was made")
    note("without this passphrase nothing sealed with the keyring can be read again")
    return first
