"""What makes a script a campaign: it can be stopped and goes on, shared by several processes, and run in part."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from scene_cases import write_vit_once
from scene_persons import all_cases, base_of
from scenes import Case, Scene, prepared


@dataclass
class Results:
    """A file with a line for each run, and what of the campaign is to be done here."""

    path: Path
    share: float
    part: tuple[int, int]
    done: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.path.touch()
        for line in self.lines():
            self.done.add((line["case"], line["harm"]))

    def lines(self) -> list[dict[str, Any]]:
        """Return what was written so far."""
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def left(self, case: str, harms: Sequence[str]) -> list[str]:
        """Return which of these runs are of this part of the campaign and haven't been done."""
        return [harm for harm in harms[self.part[0] - 1 :: self.part[1]] if (case, harm) not in self.done]

    def add(self, case: str, harm: str, **facts: Any) -> None:
        """Write a line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"case": case, "harm": harm, **facts}) + "\n")


Harms = Callable[[Scene, Results], None]
"""Runs a scene's command with every harm that is left to be done."""


def report(results: Results) -> str:
    """Return the table of what was found so far, and the problems."""
    lines = results.lines()
    rows = ["| command, engine, model | runs | before | after | not looked at | problems |", "|" + "---|" * 6]
    for case in sorted({line["case"] for line in lines}):
        own = [line for line in lines if line["case"] == case]
        states = Counter(line["state"] for line in own)
        bad = sum(bool(line["problems"]) for line in own)
        counts = " | ".join(str(states[state]) for state in ("before", "after", "not looked at"))
        rows.append(f"| {case} | {len(own)} | {counts} | {bad} |")
    bad = sum(bool(line["problems"]) for line in lines)
    rows.append(f"\n{len(lines)} runs, {bad} with a problem.")
    seen = Counter(problem for line in lines for problem in line["problems"])
    rows += [f"{count:5} x {problem}" for problem, count in seen.most_common(30)]
    return "\n".join(rows)


def run_campaign(description: str | None, name: str, harms: Harms, argv: Sequence[str] | None) -> int:
    """Run a campaign and print its table; exit code 1 if anything was found."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(name), help="folder of models and results")
    parser.add_argument("--share", type=float, default=1.0, help="part of the campaign's runs (default: all)")
    parser.add_argument("--part", default="1/1", help="of several that run at once, each with its own --out")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="commands, by the name of their case")
    parser.add_argument("--models", nargs="+", metavar="KIND", help="kinds of models, such as exact-sealed")
    parser.add_argument("--without", nargs="+", metavar="NAME", default=[], help="commands to leave out")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    part, of = map(int, args.part.split("/"))
    if not 1 <= part <= of:
        parser.error(f"--part {args.part}: give which part of how many, such as 1/4")
    root = args.out.absolute()
    root.mkdir(parents=True, exist_ok=True)
    results = Results(root / f"{name}.jsonl", args.share, (part, of))
    write_vit_once(root / "vit")

    def wanted(case: Case) -> bool:
        named = case.name in (args.only or [case.name]) and case.name not in args.without
        return named and case.model in (args.models or [case.model])

    for case in filter(wanted, all_cases()):
        print(case.key, file=sys.stderr, flush=True)
        harms(prepared(case, root, base_of(root, case.engine, case.sealed)), results)
    print(report(results))
    return int(any(line["problems"] for line in results.lines()))
