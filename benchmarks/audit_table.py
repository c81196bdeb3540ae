"""Print one Markdown table from the `audit.json` of several audits, for docs/results.md.

    python benchmarks/audit_table.py digits-isolated/audit.json digits-exact/audit.json ...

A cell: mean of Unlearned / mean of Retrain, gap with Student's 95 % interval, and a mark: = equivalent, ! different,
? undecided. Measures in rows, audits in columns; `--all` prints every judged measure, not only the chosen ones.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from preforget.audit.result import SHOWN, AuditResult, Measure

MARKS = {"equivalent": "=", "different": "**!**", "undecided": "?"}
CHOSEN = {
    "mixed_stream": ("retain accuracy", "false accept"),
    "abstention": ("auroc",),
    "membership": ("largest distance",),
    "trained_membership": ("svc statistics", "logistic entropy"),
    "lira": ("auc",),
    "jsd": ("jsd",),
    "zrf": ("zrf",),
    "neighbours": ("mean total variation", "neighbour detection auc"),
    "probes": ("linear_last", "nearest_mean_last"),
    "key_recovery": ("0 shots", "1 shot", "5 shots", "50 shots"),
    "row_recovery": ("1 shot", "5 shots", "50 shots"),
    "leftovers": ("live", "row", "record", "prompt"),
    "relearn": ("steps, log2",),
    "retain_finetune": ("returned without samples", "5-shot prototypes after fine-tuning"),
    "jailbreak": ("others", "mixed", "stolen", "pgd"),
    "sequence": ("ra_mean", "false_accept_mean", "ra_added_back"),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--all", action="store_true")
    args = parser.parse_args()
    audits = [AuditResult.from_dict(json.loads(path.read_bytes())) for path in args.files]
    columns = [f"{a.data['name']}, {a.model['engine']} ({len(a.seeds)} seeds)" for a in audits]
    print("| | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for attack, key, title in rows(audits, args.all):
        cells = [
            cell(next((m for m in a.measures if (m.attack, m.key) == (attack, key)), None)) for a in audits
        ]
        print(f"| `{attack}`: {title.replace('|', chr(92) + '|')} | " + " | ".join(cells) + " |")
    counts = [sum(m.verdict == v for m in a.measures) for v in MARKS for a in audits]
    for place, verdict in enumerate(MARKS):
        own = counts[place * len(audits) : (place + 1) * len(audits)]
        print(f"| measures {verdict} | " + " | ".join(map(str, own)) + " |")


def rows(audits: list[AuditResult], everything: bool) -> list[tuple[str, str, str]]:
    """Return attack, key and title of what is to be shown, once each, in order."""
    found: dict[tuple[str, str], str] = {}
    for audit in audits:
        for one in audit.measures:
            judged = one.verdict != SHOWN
            if judged and (everything or one.key in CHOSEN.get(one.attack, ())):
                found.setdefault((one.attack, one.key), one.title)
    order = list(CHOSEN)
    return sorted(((*where, title) for where, title in found.items()), key=lambda row: order.index(row[0]))


def cell(one: Measure | None) -> str:
    """Return values, gap, interval and mark."""
    if one is None or one.gap is None:
        return "–"
    if one.gap == 0 and one.t_interval in (None, (0.0, 0.0)):
        return f"{mean(one.unlearned):.3f}, the same {MARKS[one.verdict]}"
    interval = "" if one.t_interval is None else f" ({one.t_interval[0]:+.3f} .. {one.t_interval[1]:+.3f})"
    return (
        f"{mean(one.unlearned):.3f} / {mean(one.retrain):.3f}: {one.gap:+.3f}{interval} {MARKS[one.verdict]}"
    )


def mean(values: list[Any] | None) -> float:
    """Return the mean of what was measured."""
    known = [value for value in values or [] if value is not None]
    return float(sum(known) / len(known))


if __name__ == "__main__":
    main()
