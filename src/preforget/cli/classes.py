"""`preforget classes MODEL`: the classes of a model, read from its folder alone."""

from __future__ import annotations

import argparse

from preforget.cli.console import Console, printable
from preforget.cli.options import Commands, add_command, add_folder, read_model_folder


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "classes",
        "list the classes of a model, their state and the guarantee of forgetting",
        "The backbone is not needed.",
    )
    add_folder(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Print one line per class: label, live or detached, guarantee."""
    from preforget.erasure import engine_of

    folder, records = read_model_folder(args)
    guarantee, detached = folder.manifest.guarantee, set(folder.manifest.detached)
    records.sort(key=lambda record: record.label)
    units = [record for record in records if record.partner is None and record.label]
    state = {record.label: "detached" if record.id in detached else "live" for record in units}
    width = max((len(printable(label)) for label in state), default=0)
    for label, word in state.items():
        console.line(f"{printable(label):{width}}  {word:8}  {guarantee}")
    console.result(
        {
            "model": str(args.model),
            "engine": folder.manifest.engine,
            "guarantee": guarantee,
            "meaning": engine_of(folder).own_meaning(),
            "classes": [{"label": label, "state": word} for label, word in state.items()],
        }
    )
    return 0
