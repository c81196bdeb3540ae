"""`preforget restore MODEL`: make a folder from a backup usable, and erase again what was forgotten since."""

from __future__ import annotations

import argparse
from pathlib import Path

from preforget.cli.console import Console, note
from preforget.cli.options import Commands, add_command, add_folder, keyring
from preforget.core.paths import given_path


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
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Erase again, and report the number of records and what can't be known."""
    from preforget.erasure import open_folder, restore

    keys, model_path = keyring(args), given_path(args.model)
    count = restore(model_path, keys, args.replay)
    folder = open_folder(model_path, keys)
    if not folder.manifest.sealed and args.replay is None:
        note("the model isn't sealed: what was forgotten after the backup is known only from --replay LEDGER")
    console.line(f"restored  {count} records erased again; the ledger ends at row {folder.ledger.head().seq}")
    console.result({"model": str(args.model), "erased_again": count, "head": str(folder.ledger.head())})
    return 0
