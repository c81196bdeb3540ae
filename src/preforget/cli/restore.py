"""`preforget restore MODEL`: make a folder from a backup usable, without what was forgotten since."""

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
        "What was erased is told by the ledger, by a newer export of it, and for a sealed model by its keyring.",
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
    """Erase again, and say how much that was and what can't be known."""
    from preforget.erasure import open_folder, restore

    keys, place = keyring(args), given_path(args.model)
    count = restore(place, keys, args.replay)
    folder = open_folder(place, keys)
    if not folder.manifest.sealed and args.replay is None:
        note("the model isn't sealed: what was forgotten after the backup is known only from --replay LEDGER")
    console.line(f"restored  {count} records erased again; the ledger ends at row {folder.ledger.head().seq}")
    console.result({"model": str(args.model), "erased_again": count, "head": str(folder.ledger.head())})
    return 0
