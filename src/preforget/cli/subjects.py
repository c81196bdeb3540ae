"""`preforget subjects MODEL`: the persons in a model, by pseudonym, or by name on request."""

from __future__ import annotations

import argparse

from preforget.cli.console import Console, note, printable
from preforget.cli.options import Commands, add_command, add_folder, read_model_folder


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "subjects",
        "count the subjects of a model, by pseudonym",
        "A pseudonym is drawn at random with the subject's first record and says nothing about the name. "
        "The backbone is not needed.",
    )
    add_folder(parser)
    parser.add_argument("--reveal", action="store_true", help="print names: they are personal data")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Print one line per subject: pseudonym, or name with --reveal, number of classes, number of images."""
    from preforget.records.units import unit_count

    _, records = read_model_folder(args)
    units = [record for record in records if record.subject is not None]
    rows_of: dict[str, list[tuple[str, str, int]]] = {}
    for unit in units:
        rows_of.setdefault(str(unit.subject), []).append((unit.id, unit.label, unit_count(unit)))
    rows = [
        {
            "pseudonym": min(entries)[0][:12],
            **({"name": name} if args.reveal else {}),
            "classes": len({label for _, label, _ in entries if label}),
            # with several labels per input, the sums of all inputs have no label and count each input once
            "images": sum(n for _, label, n in entries if not label) or sum(n for _, _, n in entries),
        }
        for name, entries in rows_of.items()
    ]
    rows.sort(key=lambda row: str(row.get("name", row["pseudonym"])))
    for row in rows:
        name_shown = printable(str(row["name"])) if args.reveal else row["pseudonym"]
        console.line(f"{name_shown}\t{row['classes']} classes\t{row['images']} images")
    if not rows:
        note("the model holds nothing by subject; learn with --engine exact and --subjects")
    console.result({"model": str(args.model), "subjects": rows})
    return 0
