"""`preforget attach MODEL LABEL...`: take detached classes back into the answers."""

from __future__ import annotations

import argparse

from preforget.cli.console import Console, printable
from preforget.cli.options import Commands, add_command, add_model, check_labels, load_model


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "attach",
        "take a detached class back into the answers",
        "A class that was never detached stays as it is.",
    )
    add_model(parser)
    parser.add_argument("labels", metavar="LABEL", nargs="+", help="class to attach")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Check all labels, then attach them."""
    model = load_model(args)
    for label in check_labels(model, args.labels):
        model.attach(label)
        console.line(f"attached  {printable(label)}")
    bank = model.engine.bank
    left_out = [label for label in bank.labels if bank.is_detached(label)]
    console.result({"model": str(args.model), "live": model.classes_, "detached": left_out})
    return 0
