"""`preforget set-keep MODEL SHARE...`: set the share of known inputs that is answered from now on, without data."""

from __future__ import annotations

import argparse

from preforget.cli.console import Console, printable
from preforget.cli.options import Commands, add_command, add_folder, changed_keep, read_model_folder, share_of
from preforget.core.keep import Keep


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
    parser.add_argument(
        "keep",
        metavar="SHARE",
        type=share_of,
        nargs="+",
        help="above 0 and below 1, such as 0.95, for all classes; or CLASS=SHARE for one, such as rare=0.8",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Write it down, with a row in the ledger."""
    folder, records = read_model_folder(args)
    class_records = [record for record in records if record.label and record.partner is None]
    shares = folder.manifest.keeps
    before = Keep(folder.manifest.keep, {r.label: shares[r.id] for r in class_records if r.id in shares})
    keep = changed_keep(before, args.keep, {record.label for record in class_records})
    if keep.plain() != before.plain():
        single = {
            record.id: keep.classes[record.label] for record in class_records if record.label in keep.classes
        }
        folder.set_keep(float(keep), single)
    console.line(f"keep  {keep:g} of known inputs are to be answered; before: {before:g}")
    for label in sorted({*keep.classes, *before.classes}):
        console.line(f"keep  {keep.of(label):g} of {printable(label)}; before: {before.of(label):g}")
    console.result(
        {
            "model": str(args.model),
            "keep": float(keep),
            "keep_by_class": dict(keep.classes),
            "before": float(before),
        }
    )
    return 0
