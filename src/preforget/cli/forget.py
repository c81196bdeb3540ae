"""`preforget forget MODEL LABEL...`: show what will go, ask, destroy it, say what happened."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preforget.cli.console import Console, Interrupted, note, printable
from preforget.cli.options import Commands, add_command
from preforget.core.errors import PreforgetError, StoreError, UsageError

if TYPE_CHECKING:
    from preforget.erasure import Erasure
    from preforget.records import ClassRecord
    from preforget.store import ModelFolder

Target = tuple[str, str]
"""`class` or `subject`, and its name."""


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "forget",
        "destroy what a model holds about a class or a subject",
        "This can't be undone. The backbone is not needed.",
    )
    parser.add_argument("model", metavar="MODEL", type=Path, help="model folder")
    parser.add_argument("labels", metavar="LABEL", nargs="*", help="class to forget")
    parser.add_argument(
        "--subject",
        metavar="NAME",
        action="append",
        default=[],
        help="person to forget in all classes at once (exact engine); may be repeated",
    )
    parser.add_argument("--reason", metavar="TEXT", help="why, for the report, such as a request number")
    parser.add_argument("--yes", action="store_true", help="don't ask")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Check all names before the first erasure; exit code 1 if the answer is not yes."""
    targets = [("class", label) for label in dict.fromkeys(args.labels)]
    targets += [("subject", name) for name in dict.fromkeys(args.subject)]
    if not targets:
        raise UsageError("nothing to forget: name a class, or a subject with --subject")
    if not args.yes and not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask at; give --yes to forget without being asked")
    from preforget.erasure import forget_in_folder
    from preforget.store import ModelFolder

    folder = ModelFolder.open(args.model.expanduser())
    records = folder.records()
    plans = {target: going(folder, target, records) for target in targets}
    show_plan(folder, plans, records)
    try:
        if not args.yes and not is_confirmed():
            note("preforget: nothing was forgotten")
            return 1
    except KeyboardInterrupt:
        note()
        raise Interrupted("interrupted; nothing was forgotten") from None
    done: list[dict[str, Any]] = []
    try:
        for target in targets:
            what, name = target
            # read anew: an earlier forgetting may have taken or made some of its records
            own = plans[target] if not done else going(folder, target)
            erasure = forget_in_folder(folder, own, what=what, reason=args.reason)
            done.append({"label" if what == "class" else "subject": name, **erasure.as_dict()})
            show_erasure(name, erasure, console)
    except (KeyboardInterrupt, PreforgetError) as error:
        gone = ", ".join(repr(entry.get("label", entry.get("subject"))) for entry in done)
        state = f"forgotten already: {gone}" if done else "run 'preforget classes' to see what is left"
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(f"interrupted; {state}") from None
        if not done:
            raise
        raise StoreError(f"{error}; {state}") from error
    left = sorted({record.label for record in folder.records() if record.label})
    console.result({"model": str(args.model), "forgotten": done, "classes": left})
    return 0


def going(
    folder: ModelFolder, target: Target, records: Sequence[ClassRecord] | None = None
) -> list[ClassRecord]:
    """Return the records that go with a class or a subject."""
    from preforget.erasure import plan

    what, name = target
    if what == "class":
        return plan(folder, label=name, records=records)
    return plan(folder, subject=name, records=records)


def show_plan(
    folder: ModelFolder, plans: dict[Target, list[ClassRecord]], records: Sequence[ClassRecord]
) -> None:
    """Say on stderr what goes, which files, what that promises, and how many classes are left."""
    from preforget.core.guarantee import Guarantee
    from preforget.store.folder import record_path

    guarantee = Guarantee(folder.manifest.guarantee)
    gone = {record.id for own in plans.values() for record in own}
    named = [record for record in records if record.label]  # without the sums of every image
    left = {record.label for record in named if record.id not in gone}
    known = {record.label for record in named}
    note(f"to be forgotten, of the {len(known)} classes in {printable(str(folder.path))}:")
    for (what, name), own in plans.items():
        note(f"  {what:9}  {printable(name)}")
        for record in own[:5]:
            path = record_path(folder.path, record.id)
            note(f"  file       {path.relative_to(folder.path)}, {path.stat().st_size:,} bytes")
        if len(own) > 5:
            note(f"             and {len(own) - 5} files more")
    note(f"  guarantee  {guarantee.value}: {guarantee.meaning}")
    note(f"  left       {len(left)} classes")
    note("This can't be undone. Copies of the folder elsewhere are not touched.")


def is_confirmed() -> bool:
    """Ask at the terminal; only `yes` is yes."""
    print("Type yes to forget: ", end="", file=sys.stderr, flush=True)  # noqa: T201 - a question, no line of data
    return sys.stdin.readline().strip().lower() == "yes"


def show_erasure(name: str, erasure: Erasure, console: Console) -> None:
    """Print one erasure for people."""
    console.line(f"forgotten  {printable(name)}")
    count = len(erasure.records)
    console.line(
        f"  records    {count}, {erasure.bytes_removed:,} bytes deleted; the first: {erasure.records[0]}"
    )
    console.line(f"  took       {erasure.disk_ms:.1f} ms on disk")
    if erasure.derived:
        console.line(
            f"  derived    {erasure.derived} pairs anew from what is left, in {erasure.derive_ms:.0f} ms"
        )
    console.line(f"  time       {erasure.time}")
    if erasure.reason is not None:
        console.line(f"  reason     {printable(erasure.reason)}")
    console.line(f"  guarantee  {erasure.guarantee.value}: {erasure.guarantee.meaning}")
    console.line(f"  left       {erasure.classes_left} classes")
