"""`preforget forget MODEL LABEL...`: show what will go, ask, destroy it, say what happened."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preforget.cli.console import Console, Interrupted, note, printable
from preforget.cli.naming import find_name
from preforget.cli.options import Commands, add_command, add_folder, read_model_folder
from preforget.core.errors import IntegrityError, PreforgetError, StoreError, UsageError
from preforget.core.targets import check_target, write_target

if TYPE_CHECKING:
    from preforget.erasure import Erasure, Plan
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
    add_folder(parser)
    parser.add_argument("labels", metavar="LABEL", nargs="*", help="class to forget")
    parser.add_argument(
        "--subject",
        metavar="NAME",
        action="append",
        default=[],
        help="person to forget in all classes at once (exact engine); may be repeated",
    )
    parser.add_argument(
        "--reason", metavar="TEXT", help="why, for the receipt: the number of a request, no name"
    )
    parser.add_argument("--grounds", metavar="TEXT", help="legal grounds, for the receipt")
    parser.add_argument(
        "--receipt",
        metavar="FILE",
        type=Path,
        help="also copy the receipt there; for several names, into that folder",
    )
    parser.add_argument(
        "--delete-copies",
        action="store_true",
        help="delete the copies that 'copies --add --delete' entered; they are shown first",
    )
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
    from preforget.erasure import forget

    check_receipt_place(args.receipt, len(targets))
    folder, records = read_model_folder(args, to_forget=True)
    targets = known_targets(targets, records, may_ask=not args.yes)
    plans = {target: plan_for(folder, target, records) for target in targets}
    show_plan(folder, plans, records, args.delete_copies)
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
            erasure = forget(
                plan_for(folder, target) if done else plans[target],
                folder=folder,
                reason=args.reason,
                grounds=args.grounds,
                delete_copies=args.delete_copies,
            )
            copy_receipt(erasure, args.receipt)
            done.append({"label" if what == "class" else "subject": name, **erasure.as_dict()})
            show_erasure(name, erasure, console)
    except (KeyboardInterrupt, PreforgetError) as error:
        gone = ", ".join(repr(entry.get("label", entry.get("subject"))) for entry in done)
        state = f"forgotten already: {gone}" if done else "run 'preforget classes' to see what is left"
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(f"interrupted; {state}") from None
        if not done:
            raise
        kind = IntegrityError if isinstance(error, IntegrityError) else StoreError
        raise kind(f"{error}; {state}") from error
    left = sorted({record.label for record in read_model_folder(args)[1] if record.label})
    console.result({"model": str(args.model), "forgotten": done, "classes": left})
    return 0


def known_targets(
    targets: Sequence[Target], records: Sequence[ClassRecord], *, may_ask: bool
) -> list[Target]:
    """Return the targets by their names in the model, each once; raises as `find_name`."""
    known = {
        "class": {record.label for record in records if record.label},
        "subject": {record.subject for record in records if record.subject is not None},
    }
    named = [
        # of an engine that tells no subjects apart the plan says so
        (what, find_name(what, name, known[what], may_ask=may_ask) if known[what] else name)
        for what, name in targets
    ]
    return list(dict.fromkeys(named))


def plan_for(folder: ModelFolder, target: Target, records: Sequence[ClassRecord] | None = None) -> Plan:
    """Return what goes with a class or a subject."""
    from preforget.erasure import plan

    what, name = target
    if what == "class":
        return plan(folder, label=name, records=records)
    return plan(folder, subject=name, records=records)


def show_plan(
    folder: ModelFolder,
    plans: dict[Target, Plan],
    records: Sequence[ClassRecord],
    delete_copies: bool,
) -> None:
    """Say on stderr what goes, which files, what that promises, and how many classes are left."""
    from preforget.erasure import engine_of

    engine = engine_of(folder)
    gone = {record.id for one in plans.values() for record in one.records}
    named = [record for record in records if record.label]  # without the sums of every image
    left = {record.label for record in named if record.id not in gone}
    known = {record.label for record in named}
    note(f"to be forgotten, of the {len(known)} classes in {printable(str(folder.path))}:")
    for one in plans.values():
        note(f"  {one.what:9}  {printable(one.name)}")
        for record in one.records[:5]:
            file = folder.name_of(record.id)
            note(f"  file       {file}, {(folder.path / file).stat().st_size:,} bytes")
        if len(one.records) > 5:
            note(f"             and {len(one.records) - 5} files more")
    note(f"  guarantee  {engine.guarantee}: {engine.meaning}")
    note(f"  left       {len(left)} classes")
    for copy in folder.manifest.copies.values():
        end = ", to be deleted as a whole" if copy["delete"] and delete_copies else ""
        note(f"  copy       {copy['kind']} at {printable(copy['place'])}{end}")
    sealed = folder.manifest.sealed
    note(
        "This can't be undone. The keys go too, so that no copy and no backup of the folder can be read."
        if sealed
        else "This can't be undone. Copies and backups of the folder can still be read: it isn't sealed."
    )


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
            f"  derived    {erasure.derived} records anew from what is left, in {erasure.derive_ms:.0f} ms"
        )
    console.line(f"  time       {erasure.time}")
    if erasure.reason is not None:
        console.line(f"  reason     {printable(erasure.reason)}")
    for copy in erasure.copies:
        console.line(f"  copy       {copy['kind']} {copy['id'][:8]}: {copy['status']}, {copy['detail']}")
    console.line(f"  guarantee  {erasure.guarantee}: {erasure.meaning}")
    console.line(f"  left       {erasure.classes_left} classes")
    console.line(f"  receipt    {printable(str(erasure.receipt))}")


def check_receipt_place(place: Path | None, count: int) -> None:
    """Raise `UsageError` before anything is forgotten if receipts can't be copied to `place`."""
    if place is None:
        return
    if count > 1 and not place.is_dir():
        raise UsageError(f"{place} is no folder; for {count} receipts give a folder that exists")
    if not place.is_dir():
        check_target(place, remedy="move it away")


def copy_receipt(erasure: Erasure, place: Path | None) -> None:
    """Copy the receipt out of the model folder; raises `StoreError`, the original stays where it is."""
    if place is None or erasure.receipt is None:
        return
    target = place / erasure.receipt.name if place.is_dir() else place
    try:
        write_target(target, erasure.receipt.read_bytes())
    except (OSError, UsageError) as error:  # StoreError is one of the former
        raise StoreError(
            f"the forgetting is done, but the receipt could not be copied: {error}; it lies in {erasure.receipt}"
        ) from error
