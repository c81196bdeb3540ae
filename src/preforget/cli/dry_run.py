"""The output of `forget --dry-run`: what would be deleted, from which copies, and how answers would change."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from preforget.cli.console import Console, percent
from preforget.cli.options import load_model, read_data
from preforget.core.abstain import ABSTAIN

if TYPE_CHECKING:
    from preforget.erasure import Plan
    from preforget.records import ClassRecord
    from preforget.store import ModelFolder


def show_effect(
    args: argparse.Namespace,
    folder: ModelFolder,
    planned: Plan,
    records: Sequence[ClassRecord],
    console: Console,
) -> dict[str, Any]:
    """Print counts, and of `args.data` how answers would change; return all of it as plain values."""
    gone = {record.id for record in planned.records}
    before = {record.label for record in records if record.label}
    after = {record.label for record in records if record.label and record.id not in gone}
    copies = [
        {"id": copy_id, "kind": copy["kind"], "place": copy["place"], "delete": copy["delete"]}
        for copy_id, copy in sorted(folder.manifest.copies.items())
    ]
    console.line(f"classes    {len(before)} now, {len(after)} afterwards")
    console.line(f"records    {len(gone)} of {len(folder.live)} would go")
    values: dict[str, Any] = {
        "model": str(args.model),
        "dry_run": True,
        "classes_before": len(before),
        "classes_after": len(after),
        "records": sorted(gone),
        "copies": copies,
    }
    return values if args.data is None else {**values, "answers": _answers(args, planned, console)}


def _answers(args: argparse.Namespace, planned: Plan, console: Console) -> dict[str, int]:
    """Compare the answers of the model with those of a copy in memory that has forgotten."""
    from preforget.erasure import forget, plan_in_memory

    model = load_model(args)
    inputs = read_data(args, model.engine_.config.seed).test.inputs
    reduced = model.copy()
    labels = [target.name for target in planned.targets if target.what == "class"]
    subjects = [target.name for target in planned.targets if target.what == "subject"]
    forget(plan_in_memory(reduced.engine_, label=labels, subject=subjects), engine=reduced.engine_)
    was, now = model.answer(inputs)[0], reduced.answer(inputs)[0]
    silent = [(a is ABSTAIN, b is ABSTAIN) for a, b in zip(was, now, strict=True)]
    changed = sum(a != b for a, b in zip(was, now, strict=True))
    values = {
        "inputs": len(was),
        "changed": int(changed),
        "abstained_before": sum(before for before, _ in silent),
        "abstained_after": sum(after for _, after in silent),
    }
    share = percent(changed / len(was)) if len(was) else "none"
    console.line(f"answers    {changed:,} of {len(was):,} would change ({share.strip()})")
    console.line(f"abstained  {values['abstained_before']:,} now, {values['abstained_after']:,} afterwards")
    return values
