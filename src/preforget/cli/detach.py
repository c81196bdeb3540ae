"""`preforget detach MODEL LABEL...`: leave classes out of all answers until they are attached again."""

from __future__ import annotations

import argparse

from preforget.cli.console import Console, printable
from preforget.cli.options import Commands, add_command, add_folder, open_model_folder


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "detach",
        "leave a class out of all answers, reversibly",
        "The class stays in the model folder; to destroy it use forget. The backbone is not needed.",
    )
    add_model_and_labels(parser).set_defaults(run=run)


def add_model_and_labels(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add MODEL, which is opened without its backbone, and LABEL..."""
    add_folder(parser)
    parser.add_argument("labels", metavar="LABEL", nargs="+", help="class of the model")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Check all labels, then detach them."""
    return switch(args, console, "detached")


def switch(args: argparse.Namespace, console: Console, state: str) -> int:
    """Bring classes into the state `detached` or `attached`, in the model folder alone."""
    folder = open_model_folder(args)
    records_of = folder.find(args.labels)
    ids = {label: [r.id for r in records if r.partner is None] for label, records in records_of.items()}
    chosen = {i for records in ids.values() for i in records}
    left_out = set(folder.manifest.detached)
    folder.set_detached(sorted(left_out | chosen if state == "detached" else left_out - chosen))
    for label in ids:
        console.line(f"{state}  {printable(label)}")
    units = [record for record in folder.records() if record.partner is None and record.label]
    known = {record.label: record.id in folder.manifest.detached for record in units}
    live, detached = (
        sorted(label for label, out in known.items() if out == which) for which in (False, True)
    )
    console.result({"model": str(args.model), "live": live, "detached": detached})
    return 0
