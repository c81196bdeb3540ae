"""`preforget forget MODEL LABEL...`: show what will go, ask, destroy it, say what happened."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preforget.cli.console import Console, Interrupted, note, printable
from preforget.cli.options import Commands, add_command
from preforget.core.errors import PreforgetError, StoreError, UsageError

if TYPE_CHECKING:
    from preforget.erasure import Erasure
    from preforget.store import ModelFolder


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "forget",
        "destroy what a model holds about a class",
        "This can't be undone. The backbone is not needed.",
    )
    parser.add_argument("model", metavar="MODEL", type=Path, help="model folder")
    parser.add_argument("labels", metavar="LABEL", nargs="+", help="class to forget")
    parser.add_argument("--reason", metavar="TEXT", help="why, for the report, such as a request number")
    parser.add_argument("--yes", action="store_true", help="don't ask")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Check all labels before the first erasure; exit code 1 if the answer is not yes."""
    if not args.yes and not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask at; give --yes to forget without being asked")
    from preforget.erasure import forget_in_folder
    from preforget.store import ModelFolder

    folder = ModelFolder.open(args.model.expanduser())
    ids = folder.find(args.labels)
    show_plan(folder, ids)
    try:
        if not args.yes and not is_confirmed():
            note("preforget: nothing was forgotten")
            return 1
    except KeyboardInterrupt:
        note()
        raise Interrupted("interrupted; nothing was forgotten") from None
    done: list[dict[str, Any]] = []
    try:
        for label, record_id in ids.items():
            erasure = forget_in_folder(folder, record_id, args.reason)
            done.append({"label": label, **erasure.as_dict()})
            show_erasure(label, erasure, console)
    except (KeyboardInterrupt, PreforgetError) as error:
        gone = ", ".join(repr(entry["label"]) for entry in done)
        state = f"forgotten already: {gone}" if done else "run 'preforget classes' to see what is left"
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(f"interrupted; {state}") from None
        if not done:
            raise
        raise StoreError(f"{error}; {state}") from error
    left = sorted(record.label for record in folder.records())
    console.result({"model": str(args.model), "forgotten": done, "classes": left})
    return 0


def show_plan(folder: ModelFolder, ids: dict[str, str]) -> None:
    """Say on stderr which classes and files go, what that promises, and how many classes are left."""
    from preforget.core.guarantee import Guarantee
    from preforget.store.folder import record_path

    guarantee, known = Guarantee(folder.manifest.guarantee), len(folder.manifest.records)
    note(f"to be forgotten, of the {known} classes in {printable(str(folder.path))}:")
    for label, record_id in ids.items():
        path = record_path(folder.path, record_id)
        note(f"  class      {printable(label)}")
        note(f"  file       {path.relative_to(folder.path)}, {path.stat().st_size:,} bytes")
    note(f"  guarantee  {guarantee.value}: {guarantee.meaning}")
    note(f"  left       {known - len(ids)} classes")
    note("This can't be undone. Copies of the folder elsewhere are not touched.")


def is_confirmed() -> bool:
    """Ask at the terminal; only `yes` is yes."""
    print("Type yes to forget: ", end="", file=sys.stderr, flush=True)  # noqa: T201 - a question, no line of data
    return sys.stdin.readline().strip().lower() == "yes"


def show_erasure(label: str, erasure: Erasure, console: Console) -> None:
    """Print one erasure for people."""
    console.line(f"forgotten  {printable(label)}")
    console.line(f"  record     {erasure.record}, {erasure.bytes_removed:,} bytes deleted")
    console.line(f"  took       {erasure.disk_ms:.1f} ms on disk")
    console.line(f"  time       {erasure.time}")
    if erasure.reason is not None:
        console.line(f"  reason     {printable(erasure.reason)}")
    console.line(f"  guarantee  {erasure.guarantee.value}: {erasure.guarantee.meaning}")
    console.line(f"  left       {erasure.classes_left} classes")
