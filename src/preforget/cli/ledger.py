"""`preforget ledger verify|show|export MODEL`: what happened to a model, without a name."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from preforget.cli.console import Console
from preforget.cli.options import Commands, add_command, add_folder, add_force, open_model_folder
from preforget.core.errors import IntegrityError, UsageError
from preforget.core.paths import given_path
from preforget.core.targets import check_target, write_target


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands, "ledger", "show, check or export what happened to a model", "It holds no label and no name."
    )
    parser.add_argument("action", choices=("verify", "show", "export"), help="what to do")
    add_folder(parser)
    parser.add_argument(
        "--head", metavar="HEAD", help="verify: a head that you know; it must be in the ledger"
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="export: file to write instead of printing")
    add_force(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Check the whole folder and its ledger before any action."""
    if args.head is not None and args.action != "verify":
        raise UsageError("--head goes with 'verify'")
    if args.out is not None and args.action != "export":
        raise UsageError("--out goes with 'export'")
    if args.out is not None and args.out.resolve().is_relative_to(given_path(args.model).resolve()):
        raise UsageError(f"{args.out} is inside the model; export to another folder")
    if args.out is not None:
        check_target(args.out, force=args.force)
    folder = open_model_folder(args)
    ledger = folder.ledger
    if args.action == "show":
        entries = list(ledger.entries())
        for entry in entries:
            records = entry.data.get("records")
            count = f"{len(records)} records" if isinstance(records, list) and records else ""
            console.line(f"{entry.seq:5}  {entry.time}  {entry.event:8}  {count}".rstrip())
        console.result({"model": folder.manifest.model, "entries": [entry.as_dict() for entry in entries]})
        return 0
    if args.action == "export":
        return _export(list(ledger.export()), args.out, console, force=args.force)
    from preforget.store.head import Head

    known = None if args.head is None else Head.parse(args.head)
    head = ledger.verify()
    if known is not None and not ledger.holds(known):
        raise IntegrityError(
            f"row {known.seq} with that hash is not in the ledger of {args.model}: it was rolled back"
        )
    console.line(f"verified  {head.seq} rows; head {head}")
    console.result({"model": folder.manifest.model, "rows": head.seq, "head": str(head)})
    return 0


def _export(lines: list[str], target: Path | None, console: Console, *, force: bool) -> int:
    if target is None:
        for line in lines:
            console.line(line)
    else:
        write_target(target, "".join(f"{line}\n" for line in lines).encode(), force=force)
        console.line(f"exported  {len(lines)} rows to {target}")
    rows = {"entries": [json.loads(line) for line in lines]} if target is None else {"out": str(target)}
    console.result({"rows": len(lines), **rows})
    return 0
