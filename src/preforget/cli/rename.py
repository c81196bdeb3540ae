"""`preforget rename MODEL OLD NEW`: give a class another name; nothing is learned and no data are needed."""

from __future__ import annotations

import argparse

from preforget.cli.console import Console, printable
from preforget.cli.naming import find_name
from preforget.cli.options import Commands, add_command, add_model, add_similar_names, load_model


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "rename",
        "give a class another name",
        "Records that hold the old name are written anew and the old ones erased, in one step. No data are needed.",
    )
    add_model(parser)
    parser.add_argument("old", metavar="OLD", help="class of the model")
    parser.add_argument("new", metavar="NEW", help="its name from now on")
    add_similar_names(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Rename the class in the model folder."""
    model = load_model(args)
    old = find_name("class", args.old, model.engine_.bank.labels, may_ask=False)
    new = args.new.strip()
    model.rename(old, new, keep_similar_names=args.keep_similar_names)
    console.line(f"renamed  {printable(old)} to {printable(new)}")
    console.result({"model": str(args.model), "old": old, "new": new, "classes": model.labels})
    return 0
