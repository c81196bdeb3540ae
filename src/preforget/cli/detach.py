"""`preforget detach MODEL LABEL...`: leave classes out of all answers until they are attached again."""

from __future__ import annotations

import argparse

from preforget.cli.console import Console, printable
from preforget.cli.options import Commands, add_command, add_model, check_labels, load_model


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "detach",
        "leave a class out of all answers, reversibly",
        "The class stays in the model folder; to destroy it use forget.",
    )
    add_model(parser)
    parser.add_argument("labels", metavar="LABEL", nargs="+", help="class to detach")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Check all labels, then detach them."""
    model = load_model(args)
    for label in check_labels(model, args.labels):
        model.detach(label)
        console.line(f"detached  {printable(label)}")
    bank = model.engine.bank
    left_out = [label for label in bank.labels if bank.is_detached(label)]
    console.result({"model": str(args.model), "live": model.classes_, "detached": left_out})
    return 0
