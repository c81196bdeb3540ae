"""`preforget seal MODEL`: encrypt every record of a model with a key of its own."""

from __future__ import annotations

import argparse

from preforget.cli.console import Console, note
from preforget.cli.options import Commands, add_command, add_folder, open_model_folder


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "seal",
        "encrypt every class of a model with a key of its own",
        "Forgetting then destroys the key, and with it every copy and backup that is made from now on. "
        "Without the keyring nobody can read the model: keep it safe, and never beside the model's backups.",
    )
    add_folder(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Seal, and name what sealing doesn't cover."""
    folder = open_model_folder(args)
    count = folder.seal()
    note("copies and backups that were made before are not sealed: delete them")
    console.line(f"sealed  {count} records; their keys are in {folder.keyring.place}")
    console.result({"model": str(args.model), "records": count, "keyring": folder.keyring.place})
    return 0
