"""`preforget set-keep MODEL SHARE`: set the share of known inputs that is answered from now on, without data."""

from __future__ import annotations

import argparse

from preforget.cli.console import Console
from preforget.cli.options import Commands, add_command, add_folder, open_model_folder, share


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "set-keep",
        "set the share of known inputs that is to be answered",
        "The threshold follows from values of validation inputs in the model; neither data nor the backbone are "
        "needed. Predict --keep does it for one request.",
    )
    add_folder(parser)
    parser.add_argument("keep", metavar="SHARE", type=share, help="above 0 and below 1, such as 0.95")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Write it down, with a row in the ledger."""
    folder = open_model_folder(args)
    before = folder.manifest.keep
    if args.keep != before:
        folder.set_keep(args.keep)
    console.line(f"keep  {args.keep:g} of known inputs are to be answered; before: {before:g}")
    console.result({"model": str(args.model), "keep": args.keep, "before": before})
    return 0
