"""`preforget restore MODEL`: make a folder from a backup usable, and erase again what was forgotten since."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from preforget.cli.console import Console, note
from preforget.cli.options import Commands, add_command, add_folder, keyring
from preforget.core.errors import StoreError, UsageError
from preforget.core.paths import given_path

if TYPE_CHECKING:
    from preforget.store.ledger import Entry


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "restore",
        "erase again what a restored backup brought back",
        "Earlier erasures are known from the ledger, a newer export of it, and the keyring of a sealed model.",
    )
    add_folder(parser)
    parser.add_argument(
        "--replay",
        metavar="LEDGER",
        type=Path,
        help="newer ledger of this model: a file from 'ledger export'",
    )
    parser.add_argument(
        "--unconfirmed",
        action="store_true",
        help="follow rows that an earlier version or a former signing key wrote; they are shown first",
    )
    parser.add_argument("--yes", action="store_true", help="don't ask about them")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Erase again, and report the number of records and what can't be known."""
    from preforget.erasure import open_folder, restore
    from preforget.erasure.restoring import REPLACED

    keys, model_path = keyring(args), given_path(args.model)
    if args.unconfirmed and not args.yes and not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask at; give --yes to follow rows without being asked")
    accept = functools.partial(_accept, ask=not args.yes) if args.unconfirmed else None
    count = restore(model_path, keys, args.replay, accept)
    folder = open_folder(model_path, keys)
    if not folder.manifest.sealed and args.replay is None:
        note("the model isn't sealed: what was forgotten after the backup is known only from --replay LEDGER")
    last = list(folder.ledger.entries())[-1]
    if count and last.event == "restore" and (replaced := last.data.get(REPLACED)):
        note(
            f"{len(replaced)} of these records were not forgotten but replaced since the backup, by add, refit, rename "
            "or merge: what only they held is missing here; learn it again from data, with add or refit"
        )
    console.line(f"restored  {count} records erased again; the ledger ends at row {folder.ledger.head().seq}")
    console.result({"model": str(args.model), "erased_again": count, "head": str(folder.ledger.head())})
    return 0


def _accept(rows: Sequence[Entry], *, ask: bool) -> None:
    """Show rows that the keyring doesn't confirm, and ask whether they are the model's own; raises `StoreError`."""
    note("The keyring has neither noted these rows nor signed them with its current key:")
    for row in rows:
        signed = "signed by a former key" if row.signature else "not signed"
        note(f"  {row.seq:5}  {row.time}  {row.event:8}  {signed}")
    note("Whoever can write to the folder, or has the former key, can have written them.")
    if ask:
        print("Type yes to follow them: ", end="", file=sys.stderr, flush=True)  # noqa: T201 - a question
        if sys.stdin.readline().strip().lower() != "yes":
            raise StoreError("nothing was restored")
