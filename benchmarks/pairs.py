"""Run every pair of commands at the same time on one model folder and keyring, then look at what is left.

    python benchmarks/pairs.py --out pairs            # stopped, the same command goes on
    python benchmarks/pairs.py --out pairs --times 5 --only forget seal --models exact-plain persons-sealed

Two processes are started together, one of them after a drawn part of the other's time. Each must succeed, or be refused
with an error of ours. What is left must be what one of the two orders gives, or what the one gives where the other was
refused; ledger and receipts must verify, and no unfinished file may be left. The exact engine has all commands;
of the kind `persons`, records lie in packs.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations_with_replacement
from pathlib import Path

import torch

import scene_persons
from campaign import Results
from preforget.cli.keys import NEW_VARIABLE
from preforget.core.errors import PreforgetError
from preforget.store.layout import RECEIPTS
from scene_cases import MACHINE, OPTIONS, both, call, write_vit_once
from scenes import FORMER, Place, Told, View, forked, preload, telling, unfinished_files, view

Command = Callable[[Place], int]


def first_copy(place: Place) -> int:
    """Strike out the copy that the start has listed."""
    return place.run("copies", "model", "--remove", (place.root / "copy id").read_text())


def first_receipt(place: Place) -> int:
    """Verify the receipt that the start has."""
    return place.run("verify", "old receipt.json", "model")


def changes_of(data: str, more: str, people: tuple[str, ...]) -> dict[str, Command]:
    """Return the commands that change what `View` shows of the model; `people`: how to read persons."""
    people = (*people, "--device", "cpu")
    return {
        "forget": call("forget", "model", "bee", "--yes"),
        "forget two": call("forget", "model", "bee", "cow", "--yes"),
        "forget --subject": call("forget", "model", "--subject", KIM, "--yes"),
        "detach": call("detach", "model", "ant"),
        "attach": call("attach", "model", "cow"),
        "set-keep": call("set-keep", "model", "0.8"),
        "add": call("add", "model", "doe", more, *people),
        "refit": call("refit", "model", data, *people),
        "copies --add": call("copies", "model", "--add", "backup", "tape 7"),
        "copies --remove": first_copy,
        "seal": call("seal", "model"),
    }


def others_of(data: str, one: str, options: tuple[str, ...], people: tuple[str, ...]) -> dict[str, Command]:
    """Return the commands after which the model is what it was: they write other things, or nothing."""
    return {
        "ledger export": call("ledger", "export", "model", "--out", "ledger.jsonl"),
        "restore": call("restore", "model"),
        "restore --replay": call("restore", "model", "--replay", "old ledger.jsonl"),
        "learn": call("learn", data, "--out", "other", *options, "--seal"),
        "audit": call(
            *("audit", "model", "--data", data, "--forget", "bee", "--attacks", "mixed_stream"),
            *("--seeds", "1", "--workers", "1", *people, *MACHINE),
        ),
        "against-retrain": call("verify", "model", "--against-retrain", data, *people, "--device", "cpu"),
        "keys make": call("keys", "make"),
        "keys rotate": call("keys", "rotate"),
        "keys backup": call("keys", "backup", "keys.backup"),
        "keys restore": call("keys", "restore", "old keys.backup"),
        "keys passphrase": call("keys", "passphrase", **{NEW_VARIABLE: FORMER}),
        "verify": first_receipt,
        "predict": call("predict", "model", one, "--device", "cpu"),
        "info": call("info", "model"),
    }


KIM, PAT = "Kim", "Pat"
"""The person whom a command forgets, and the one whom the start has forgotten."""
FOLDERS = (
    changes_of("data", "more", ("--subjects", "1")),
    others_of(
        "data",
        "data/ant/Kim/0.png",
        ("--backbone", "../../vit", "--engine", "exact", *OPTIONS["exact"], *MACHINE),
        ("--subjects", "1"),
    ),
)
TABLES = (
    changes_of("data.csv", "more.csv", ("--subjects", "subject")),
    others_of("data.csv", "one.csv", scene_persons.OPTIONS, ("--subjects", "subject")),
)
"""Of a model of many persons, whose records lie in packs."""
CHANGE = FOLDERS[0]
COMMANDS = {**CHANGE, **FOLDERS[1]}


@dataclass
class Start:
    """A prepared folder, what each command alone makes of it, and how long that takes."""

    root: Path
    sealed: bool
    commands: dict[str, Command]
    told: tuple[Told, Told] = field(default_factory=lambda: (Told(), Told()))
    known: dict[tuple[str, ...], tuple[tuple[object, ...], View | None]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def copy(self, name: str = "run") -> Place:
        """Return a fresh copy of everything."""
        place = Place(self.root / name)
        shutil.rmtree(place.root, ignore_errors=True)
        shutil.copytree(self.root / "start", place.root)
        return place

    def left(self, *names: str) -> View | None:
        """Return what commands leave that are run one after the other."""
        change = tuple(name for name in names if name in CHANGE)
        return self.after(*(change or names[:1]))[1]

    def after(self, *names: str) -> tuple[tuple[object, ...], View | None]:
        """Return the exit codes of commands that are run one after the other, and what is left."""
        if names not in self.known:
            place, codes = self.copy("alone"), []
            for name in names:
                begun = time.perf_counter()
                forked(lambda name=name: telling(self.commands[name], place, self.told[0]))  # type: ignore[misc]
                self.seconds.setdefault(name, time.perf_counter() - begun)
                code, _said, modules = self.told[0].get()
                codes.append(code)
                preload([str(module) for module in list(modules)])  # type: ignore[call-overload]
            self.known[names] = tuple(codes), view(place)[0]
        return self.known[names]


def make_start(root: Path, kind: str, sealed: bool, *, detached: bool = True) -> Start:
    """Prepare a model that every command has something to do on, in `root`.

    `kind`: `exact`, or one of many persons. `detached`: whether it has a detached class; `attach` needs one, and
    `audit` refuses a model that has one.
    """
    place = Place(root / "start")
    models = root.parent
    shutil.rmtree(place.root, ignore_errors=True)
    shutil.copytree(scene_persons.base_of(models, kind, sealed).root, place.root)

    def prepare() -> None:
        both(
            call("forget", "model", "--subject", PAT, "--yes"),
            *([call("detach", "model", "cow")] if detached else []),
            call("copies", "model", "--add", "backup", "tape 1"),
            call("ledger", "export", "model", "--out", "old ledger.jsonl"),
            call("keys", "backup", "old keys.backup"),
        )(place)
        from preforget.erasure import open_folder

        (copy,) = open_folder(place.model, place.keyring).manifest.copies
        (place.root / "copy id").write_text(copy)
        (receipt,) = (place.model / RECEIPTS).glob("*.json")
        shutil.copy(receipt, place.root / "old receipt.json")

    if forked(prepare) != 0:
        raise SystemExit("preparing the model failed")
    change, others = FOLDERS if kind == "exact" else TABLES
    return Start(root, sealed, {**change, **others})


def together(start: Start, names: tuple[str, str], number: int) -> dict[str, object]:
    """Run two commands at the same time; return what a line says of it."""
    place = start.copy()
    for name in names:
        start.after(name)  # to know how long it takes
    rng = random.Random(f"{names} {start.sealed} {number}")
    waiting = rng.randrange(2)
    delay = rng.uniform(0, start.seconds[names[1 - waiting]]) if number else 0.0
    children = []
    for index, name in enumerate(names):
        child = os.fork()
        if child == 0:
            try:
                time.sleep(delay if index == waiting else 0)
                telling(start.commands[name], place, start.told[index])
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    codes, said, problems = [], [], []
    for name, told in zip(names, start.told, strict=True):
        code, text, *_ = told.get() or [99, "the process ended without a word"]
        codes.append(int(str(code)))
        lines = [line for line in str(text).splitlines() if line.startswith("preforget: ")]
        said.append(lines[-1:])
        if code == 99:
            problems.append(f"{name}: an exception that isn't ours: {str(text)[-1000:]}")
        elif code not in (0, 4) and not lines:
            problems.append(f"{name}: exit code {code} without an error of ours: {text!r}")
    try:
        problems += wrong(start, names, codes, said, place)
    except (PreforgetError, AssertionError) as error:
        problems.append(f"{type(error).__name__}: {str(error)[:400]}")
    return {"codes": codes, "said": said, "delay": round(delay, 3), "problems": problems}


def wrong(
    start: Start, names: tuple[str, str], codes: Sequence[int], said: Sequence[list[str]], place: Place
) -> list[str]:
    """Return what no order of the two commands explains."""
    first, second = names
    problems, seen = [], view(place)[0]
    if seen is not None and any(n == "audit" and c not in (0, 4) for n, c in zip(names, codes, strict=True)):
        # one that was refused while it ran keeps its work to go on from, in the list of copies
        seen = replace(seen, copies=tuple(copy for copy in seen.copies if copy != "checkpoint work"))
    done = [name for name, code in zip(names, codes, strict=True) if code in (0, 4)]
    allowed = [start.left(first, second), start.left(second, first)]
    if len(done) < 2:
        allowed += [start.left(name) for name in done] or [view(Place(start.root / "start"))[0]]
    if seen not in allowed:
        problems.append(f"no order of the two gives this: {seen}; codes {codes}")
    for index, code in enumerate(codes):
        # 1 says that another process is or was at it, anything else needs an order that gives it
        if code not in (0, 1, 4):
            in_order = {start.after(*names)[0][index], start.after(*names[::-1])[0][1 - index]}
            if code not in in_order:
                problems.append(f"{names[index]}: exit code {code}, which no order gives: {said[index]}")
    if not done and all(start.after(name)[0][0] in (0, 4) for name in names):
        problems.append(f"both were refused, {codes}")
    if left := unfinished_files(place):
        problems.append(f"left behind: {left}")
    return problems


def summary(results: Results) -> str:
    """Return a table with a row for each command."""
    lines = results.lines()
    rows = [
        "| command | pairs | runs | both succeeded | one refused | both refused | problems |",
        "|" + "---|" * 7,
    ]
    for name in COMMANDS:
        own = [line for line in lines if name in line["pair"]]
        ended = Counter(sum(code in (0, 4) for code in line["codes"]) for line in own)
        pairs = len({tuple(line["pair"]) for line in own})
        bad = sum(bool(line["problems"]) for line in own)
        rows.append(f"| `{name}` | {pairs} | {len(own)} | {ended[2]} | {ended[1]} | {ended[0]} | {bad} |")
    pairs = len({line["case"] for line in lines})
    bad = sum(bool(line["problems"]) for line in lines)
    rows.append(f"\n{pairs} pairs, {len(lines)} runs, {bad} with a problem.")
    seen = Counter(problem for line in lines for problem in line["problems"])
    rows += [f"{count:5} x {problem}" for problem, count in seen.most_common(30)]
    return "\n".join(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the pairs and print the table; exit code 1 if anything was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("pairs"), help="folder of models and results")
    parser.add_argument("--times", type=int, default=3, help="how often each pair is run (default: 3)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="pairs of these commands with any other")
    parser.add_argument("--without", nargs="+", metavar="NAME", default=[], help="commands to leave out")
    parser.add_argument("--models", nargs="+", default=["exact-plain", "exact-sealed"], metavar="KIND")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    root = args.out.absolute()
    root.mkdir(parents=True, exist_ok=True)
    results = Results(root / "pairs.jsonl", 1.0, (1, 1))
    write_vit_once(root / "vit")
    for kind in args.models:
        engine, _, state = kind.partition("-")
        sealed = state == "sealed"
        starts = dict[bool, Start]()
        names = [name for name in COMMANDS if name not in args.without and (name != "seal" or not sealed)]
        for pair in combinations_with_replacement(names, 2):
            case = f"{' + '.join(pair)} {kind}"
            left = results.left(case, [str(number) for number in range(args.times)])
            if (args.only and not set(args.only) & set(pair)) or not left:
                continue
            print(case, file=sys.stderr, flush=True)
            detached = "audit" not in pair
            if detached not in starts:
                starts[detached] = make_start(root / f"{kind} {detached}", engine, sealed, detached=detached)
            for number in left:
                results.add(case, number, pair=pair, **together(starts[detached], pair, int(number)))
    print(summary(results))
    return int(any(line["problems"] for line in results.lines()))


if __name__ == "__main__":
    sys.exit(main())
