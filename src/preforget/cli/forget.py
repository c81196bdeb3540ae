"""`preforget forget MODEL LABEL...`: show what will be deleted, ask, delete it, report the result."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preforget.cli.console import Console, Interrupted, note, printable
from preforget.cli.naming import find_name
from preforget.cli.options import (
    Commands,
    add_command,
    add_data_options,
    add_folder,
    add_machine,
    keyring,
    read_model_folder,
)
from preforget.core.errors import IntegrityError, PreforgetError, StoreError, UsageError
from preforget.core.files import read_regular
from preforget.core.paths import given_path
from preforget.core.targets import check_target, write_target

if TYPE_CHECKING:
    from preforget.erasure import Erasure, Plan
    from preforget.records import ClassRecord
    from preforget.store import ModelFolder

Target = tuple[str, str]
"""`class` or `subject`, and its name."""

MOST_NAMES_BYTES = 2**24
"""The largest file of names that is read."""


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "forget",
        "destroy what a model holds about classes or subjects",
        "This can't be undone. The backbone is not needed. All that is named is one erasure with one receipt, so that "
        "no state between can be compared; whoever has few inputs to forget at a time should collect requests.",
    )
    add_folder(parser)
    parser.add_argument("labels", metavar="LABEL", nargs="*", help="class to forget; several are one erasure")
    parser.add_argument(
        "--subject",
        metavar="NAME",
        action="append",
        default=[],
        help="person to forget in all classes at once (exact engine); may be repeated",
    )
    parser.add_argument(
        "--subjects-from", metavar="FILE", type=Path, help="file with one person to forget per line, UTF-8"
    )
    parser.add_argument(
        "--input",
        metavar="FILE",
        type=Path,
        action="append",
        dest="inputs",
        default=[],
        help="file to forget, found by its content, of a model learned with --subjects each; may be repeated",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="only show what would go, from which copies, and with --on how counts and answers change",
    )
    parser.add_argument(
        "--on", metavar="DATA", dest="data", help="data whose test part --dry-run compares answers on"
    )
    parser.add_argument("--backbone", metavar="PATH", help="for --on: where the checkpoint lies, if it moved")
    add_machine(parser)
    add_data_options(parser)
    parser.add_argument(
        "--reason", metavar="TEXT", help="why, for the receipt: the number of a request, no name"
    )
    parser.add_argument("--grounds", metavar="TEXT", help="legal grounds, for the receipt")
    parser.add_argument(
        "--receipt",
        metavar="FILE",
        type=Path,
        help="also copy the receipt there, a file or a folder that exists",
    )
    parser.add_argument(
        "--delete-copies",
        action="store_true",
        help="delete the copies that 'copies --add --delete' entered; they are shown first",
    )
    parser.add_argument("--yes", action="store_true", help="don't ask")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Check all names, show what goes, and erase it in one step; exit code 1 if the answer is not yes."""
    targets = [("class", label) for label in dict.fromkeys(args.labels)]
    targets += [("subject", name) for name in dict.fromkeys([*args.subject, *names_in(args.subjects_from)])]
    files = dict(input_names(args.inputs))
    targets += [("subject", name) for name in files]
    if not targets:
        raise UsageError("nothing to forget: name a class, a subject with --subject or a file with --input")
    if args.data is not None and not args.dry_run:
        raise UsageError("--on compares answers without forgetting anything; give it with --dry-run")
    may_ask = not args.yes and not args.dry_run
    if may_ask and not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask at; give --yes to forget without being asked")
    from preforget.erasure import forget

    check_receipt_place(args.receipt)
    opened = open_to_forget(args, may_ask=may_ask)
    if opened is None:
        return 1
    folder, records = opened
    check_inputs(files, records)
    targets = known_targets(targets, records, may_ask=may_ask)
    planned = plan_for(folder, targets, records)
    show_plan(folder, planned, records, args.delete_copies)
    if args.dry_run:
        from preforget.cli.dry_run import show_effect

        note("preforget: nothing was forgotten, this was a dry run")
        console.result(show_effect(args, folder, planned, records, console))
        return 0
    if may_ask and not is_confirmed("forget"):
        return 1
    names = [target.name for target in planned.targets]
    done: list[dict[str, Any]] = []
    try:
        erasure = forget(
            planned,
            folder=folder,
            reason=args.reason,
            grounds=args.grounds,
            delete_copies=args.delete_copies,
        )
        for target in planned.targets:
            done.append({"label" if target.what == "class" else "subject": target.name, **erasure.as_dict()})
        copy_receipt(erasure, args.receipt)
        show_erasure(names, erasure, console)
    except (KeyboardInterrupt, PreforgetError) as error:
        gone = ", ".join(map(repr, names))
        state = f"forgotten already: {gone}" if done else "run 'preforget classes' to see what is left"
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(f"interrupted; {state}") from None
        if not done:
            raise
        kind = IntegrityError if isinstance(error, IntegrityError) else StoreError
        raise kind(f"{error}; {state}") from error
    remaining = sorted({record.label for record in read_model_folder(args)[1] if record.label})
    console.result({"model": str(args.model), "forgotten": done, "classes": remaining})
    return 0


def open_to_forget(
    args: argparse.Namespace, *, may_ask: bool
) -> tuple[ModelFolder, list[ClassRecord]] | None:
    """Open the folder and read its records; None if the answer is that what is announced in it is not to be ended.

    An announcement that other commands refuse, of the future or of nobody, is ended or replaced here: after a question
    of its own, and never for a dry run. So is one that any other command would end without being asked.
    """
    if args.dry_run or may_ask:
        from preforget.erasure.opening import unfinished_erasure

        unfinished = unfinished_erasure(given_path(args.model), keyring(args))
        if unfinished is not None and args.dry_run:
            raise StoreError(
                f"the erasure {unfinished} in {args.model} was cut off, and a dry run doesn't end it; nothing was "
                "forgotten. Any other command ends it, such as: preforget classes MODEL"
            )
        if unfinished is not None:
            note(f"preforget: the erasure {unfinished} in {printable(str(args.model))} was cut off.")
            note("To forget something here ends it first, and so does any other command.")
            if not is_confirmed("go on"):
                return None
    try:
        return read_model_folder(args)
    except IntegrityError as error:
        if args.dry_run or not is_announced(given_path(args.model)):
            raise
        if may_ask:
            note(f"preforget: {error}")
            note(
                "To forget something here ends what this keyring announced, and replaces what nobody has announced."
            )
            if not is_confirmed("go on"):
                return None
    return read_model_folder(args, to_forget=True)


def is_announced(model: Path) -> bool:
    """Tell whether an erasure is announced in a folder."""
    from preforget.store.layout import INTENT

    return (model / INTENT).exists()


def names_in(file: Path | None) -> list[str]:
    """Return the names in a file, one a line, without empty lines; raises `StoreError`, `UsageError`."""
    if file is None:
        return []
    try:
        text = read_regular(file, MOST_NAMES_BYTES, follow=True).decode("utf-8-sig")
    except OSError as error:
        raise StoreError(f"{printable(str(file))} can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise UsageError(f"{printable(str(file))} is no UTF-8 text; write one name per line") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def input_names(files: Sequence[Path]) -> list[tuple[str, Path]]:
    """Return the names under which files were learned as subjects of their own; raises `DataError`."""
    from preforget.data.content_names import content_name

    return [(content_name(given_path(file)), file) for file in files]


def check_inputs(files: Mapping[str, Path], records: Sequence[ClassRecord]) -> None:
    """Raise `UsageError` for a file that no record is of."""
    known = {record.subject for record in records}
    unknown = [file for name, file in files.items() if name not in known]
    if unknown:
        raise UsageError(
            f"{printable(str(unknown[0]))}: the model holds no input of this content; give the file as it was learned, "
            "and a model that was learned with --subjects each"
        )


def known_targets(
    targets: Sequence[Target], records: Sequence[ClassRecord], *, may_ask: bool
) -> list[Target]:
    """Return the targets by their names in the model, each once; raises as `find_name`."""
    known = {
        "class": {record.label for record in records if record.label},
        "subject": {record.subject for record in records if record.subject is not None},
    }
    named = [
        # the plan says so if an engine doesn't know subjects
        (kind, find_name(kind, name, known[kind], may_ask=may_ask) if known[kind] else name)
        for kind, name in targets
    ]
    return list(dict.fromkeys(named))


def plan_for(folder: ModelFolder, targets: Sequence[Target], records: Sequence[ClassRecord]) -> Plan:
    """Return what goes with all targets at once."""
    from preforget.erasure import plan

    labels = [name for kind, name in targets if kind == "class"]
    subjects = [name for kind, name in targets if kind == "subject"]
    return plan(folder, label=labels, subject=subjects, records=records)


def show_plan(
    folder: ModelFolder, planned: Plan, records: Sequence[ClassRecord], delete_copies: bool
) -> None:
    """Say on stderr what goes, which files, what that promises, and how many classes are left."""
    from preforget.erasure.forewarnings import forewarnings

    engine = planned.engine
    gone = {record.id for record in planned.records}
    named = [record for record in records if record.label]  # without the sums of every image
    remaining = {record.label for record in named if record.id not in gone}
    known = {record.label for record in named}
    note(f"to be forgotten, of the {len(known)} classes in {printable(str(folder.path))}:")
    for target in planned.targets:
        note(f"  {target.what:9}  {printable(target.name)}")
    for record in planned.records[:5]:
        note(f"  file       {folder.name_of(record.id)}, {len(folder.read_file(record.id)):,} bytes")
    if len(planned.records) > 5:
        note(f"             and {len(planned.records) - 5} files more")
    note(f"  guarantee  {engine.guarantee}: {engine.signed_meaning()}")
    note(f"  left       {len(remaining)} classes")
    for copy in folder.manifest.copies.values():
        end = ", to be deleted as a whole" if delete_copies else ", which --delete-copies would delete"
        note(f"  copy       {copy['kind']} at {printable(copy['place'])}{end if copy['delete'] else ''}")
    for sentence in forewarnings(planned, records):
        note(f"  warning    {sentence}")
    sealed = folder.manifest.sealed
    note(
        "This can't be undone. The keys go too, so that no copy and no backup of the folder can be read."
        if sealed
        else "This can't be undone. Copies and backups of the folder can still be read: it isn't sealed."
    )


def is_confirmed(what: str) -> bool:
    """Ask at the terminal whether to do something; only `yes` is yes. Raises `Interrupted`."""
    try:
        print(f"Type yes to {what}: ", end="", file=sys.stderr, flush=True)  # noqa: T201 - a question, no line of data
        if sys.stdin.readline().strip().lower() == "yes":
            return True
    except KeyboardInterrupt:
        note()
        raise Interrupted("interrupted; nothing was forgotten") from None
    note("preforget: nothing was forgotten")
    return False


def show_erasure(names: Sequence[str], erasure: Erasure, console: Console) -> None:
    """Print an erasure for people."""
    for name in names:
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


def check_receipt_place(path: Path | None) -> None:
    """Raise `UsageError` before anything is forgotten if the receipt can't be copied to `path`."""
    if path is None:
        return
    if not path.is_dir():
        check_target(path, remedy="move it away")


def copy_receipt(erasure: Erasure, path: Path | None) -> None:
    """Copy the receipt out of the model folder; raises `StoreError`, the original stays where it is."""
    if path is None or erasure.receipt is None:
        return
    target = path / erasure.receipt.name if path.is_dir() else path
    try:
        write_target(target, erasure.receipt.read_bytes())
    except (OSError, UsageError) as error:  # StoreError is one of the former
        raise StoreError(
            f"the forgetting is done, but the receipt could not be copied: {error}; it lies in {erasure.receipt}"
        ) from error
