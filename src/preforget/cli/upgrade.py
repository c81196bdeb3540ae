"""`preforget upgrade MODEL`: bring a model folder of an older format to the newest one."""

from __future__ import annotations

import argparse
from pathlib import Path

from preforget.cli.console import Console, printable
from preforget.cli.options import Commands, add_command, add_folder, keyring, read_model_folder


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "upgrade",
        "bring a model folder of an older format to the newest one",
        "Every record stays. The folder as it was is kept beside it and listed as a copy. What needs data stays by the "
        "rules of the old format until preforget refit MODEL DATA; the command says what that is.",
    )
    add_folder(parser)
    parser.add_argument(
        "--backup",
        type=Path,
        metavar="FOLDER",
        help="where to keep the folder as it was (default: MODEL.format and the old number)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Upgrade, and say what stays by the old rules."""
    from preforget.core.paths import absolute_path
    from preforget.erasure.plan import engine_of
    from preforget.erasure.upgrading import upgrade

    backup = None if args.backup is None else absolute_path(args.backup)
    done = upgrade(absolute_path(args.model), keyring(args), backup)
    folder, records = read_model_folder(args)
    lacks = engine_of(folder).lacks(folder.manifest.options, records)
    if done.backup is None:
        console.line(f"format {done.after} already; nothing changed")
    else:
        console.line(
            f"format {done.before} -> {done.after}; the folder as it was: {printable(str(done.backup))}"
        )
    for sentence in lacks:
        console.line(f"until preforget refit MODEL DATA: {sentence}")
    console.result(
        {
            "model": str(args.model),
            "before": done.before,
            "format": done.after,
            "backup": None if done.backup is None else str(done.backup),
            "lacks": list(lacks),
        }
    )
    return 0
