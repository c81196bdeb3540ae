"""Kill every command that writes before its system calls, then look at what is left and run it again.

    python benchmarks/kills.py --out kills            # all cases; stopped, the same command goes on
    python benchmarks/kills.py --out kills --share 0.02 --only forget seal

Each kill is a real `SIGKILL` of a real process, given by ptrace before one system call that writes, creates, renames,
deletes or syncs (Linux on x86-64). The commands are run as `preforget` runs them, in processes forked from this one.
After each kill the folder is opened as every command opens it. It must be in the state from before or from after the
command, receipts must verify, and the command, run again, must end in the state of a run that nobody killed. What is
found goes to `kills.jsonl`, a line per kill; the table is printed from it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from preforget.cli.main import main as preforget
from preforget.core.errors import IntegrityError, PreforgetError
from preforget.erasure import open_folder
from preforget.erasure.verify import verify
from preforget.store.keyring import open_keyring
from preforget.store.layout import RECEIPTS

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "erasure"))
from tracing import run_and_kill  # type: ignore[import-not-found]

MACHINE = ("--device", "cpu", "--dtype", "float32")
CLASSES = {"ant": (220, 40, 40), "bee": (40, 220, 40), "cow": (40, 40, 220), "doe": (200, 200, 40)}
PEOPLE = ("Kim", "Lee", "Pat")
OPTIONS = {
    "isolated": ("--epochs", "1", "--lora-rank", "1", "--batch-size", "32"),
    "paper": ("--epochs", "1", "--batch-size", "32"),
    "exact": ("--levels", "1", "--subjects", "1"),
}


@dataclass(frozen=True)
class Place:
    """A folder with everything that one run may touch: data, model, keyring, files."""

    root: Path

    @property
    def model(self) -> Path:
        """Return the model's folder."""
        return self.root / "model"

    @property
    def keyring(self) -> Path:
        """Return the folder of keys."""
        return self.root / "keyring"

    def run(self, *args: object) -> int:
        """Run one command in this process, with this place's keyring; return its exit code."""
        with (
            contextlib.chdir(self.root),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            return preforget([str(arg) for arg in (*args, "--keyring", self.keyring)])


@dataclass(frozen=True)
class View:
    """What of a model must be as before or as after: no random id, no time, nothing but what was asked for."""

    live: tuple[str, ...]
    scores: bool
    detached: tuple[str, ...]
    sealed: bool
    keep: float
    copies: tuple[str, ...]
    receipts: int


CLOSED = ("end this with: preforget restore", "is not in the keyring")
"""Why nobody reads a sealed model: it is an old copy, until `restore`; its keyring is lost, until `keys restore`."""
SHUT = View(("nobody can read it",), False, (), True, 0.0, (), 0)


def view(place: Place) -> tuple[View | None, dict[str, str]]:
    """Open the model, as any command does, and return what it holds, None where there is none, and digests by id."""
    if not place.model.exists():
        return None, {}
    try:
        folder = open_folder(place.model, place.keyring)
        records = {record.id: record for record in folder.records()}
    except IntegrityError as error:
        if not any(text in str(error) for text in CLOSED):
            raise
        return SHUT, {}
    names = {i: f"{r.label} {r.subject or ''} {r.partner or ''}" for i, r in records.items()}
    receipts = sorted((place.model / RECEIPTS).glob("*.json"))
    if receipts:
        known = open_keyring(place.keyring).signing.known()
        for receipt in receipts:
            done = verify(receipt, place.model, known)
            if not done.passed:
                raise AssertionError(f"a receipt doesn't verify: {done.checks}")
    manifest = folder.manifest
    copies = tuple(sorted(f"{copy['kind']} {Path(copy['place']).name}" for copy in manifest.copies.values()))
    seen = View(
        tuple(sorted(name for name in names.values() if name.strip())),
        any(not name.strip() for name in names.values()),
        tuple(sorted(names[i] for i in manifest.detached)),
        manifest.sealed,
        manifest.keep,
        copies,
        len(receipts),
    )
    return seen, {i: record.digest() for i, record in records.items()}


@dataclass(frozen=True)
class Case:
    """One command on one kind of model: what prepares it, what it is, and which exit codes its repetition may have."""

    name: str
    engine: str
    sealed: bool
    kills: int
    command: Callable[[Place], int]
    prepare: Callable[[Place], object] = lambda place: None
    again: frozenset[int] = frozenset({0})
    check: Callable[[Place, bool], None] = lambda place, repeated: None
    may_leave: frozenset[str] = frozenset()
    """Copies that stay listed, as documented: a checkpoint, until `learn --discard` or seven days have passed."""
    may_lose_scores: bool = False
    """Killed at the end of a restoring, the record of validation scores may be gone until `refit`."""

    @property
    def key(self) -> str:
        """Return the name under which its kills are kept."""
        return f"{self.name} {self.engine} {'sealed' if self.sealed else 'plain'}"

    def same(self, seen: View | None, wanted: View | None) -> bool:
        """Compare two views, but for what this command may list while it runs, or lose when it is killed."""
        if seen is None or wanted is None:
            return seen is wanted
        if set(seen.copies) ^ set(wanted.copies) <= self.may_leave:
            seen = replace(seen, copies=wanted.copies)
        if self.may_lose_scores and not seen.scores:
            seen = replace(seen, scores=wanted.scores)
        return seen == wanted


def call(*args: object) -> Callable[[Place], int]:
    """Return what runs one command in a place."""
    return lambda place: place.run(*args)


def both(*steps: Callable[[Place], int]) -> Callable[[Place], None]:
    """Return what runs several commands, each of which must succeed."""

    def run(place: Place) -> None:
        for step in steps:
            if code := step(place):
                raise AssertionError(f"preparing a case failed with exit code {code}")

    return run


def exported(place: Place, repeated: bool) -> None:
    """A ledger's export is whole or not there, and there after a repetition."""
    file = place.root / "ledger.jsonl"
    if file.exists():
        lines = file.read_text(encoding="utf-8").splitlines()
        assert all(json.loads(line) for line in lines)
        assert lines
    assert file.exists() or not repeated


def signs(place: Place, repeated: bool) -> None:
    """There is a key that signs, and what was signed before verifies (`view` does that)."""
    signing = open_keyring(place.keyring).signing
    if signing.known():
        assert signing.current().key_id in signing.known(), "the current key is not among the known ones"
    assert signing.known() or not repeated, "there is no key that signs"


BACKUP = call("keys", "backup", "keys.backup")


def without_keyring(place: Place) -> None:
    """Back the keyring up and lose it."""
    both(BACKUP)(place)
    shutil.rmtree(place.keyring)


def as_backup(change: Callable[[Place], int]) -> Callable[[Place], None]:
    """Return what keeps a backup, changes the model, exports its ledger and puts the backup in its place."""

    def run(place: Place) -> None:
        shutil.copytree(place.model, place.root / "backup")
        both(change, call("ledger", "export", "model", "--out", "newer.jsonl"))(place)
        shutil.rmtree(place.model)
        (place.root / "backup").rename(place.model)

    return run


def cases() -> Iterator[Case]:
    """Yield all cases; the number of kills is that of a whole campaign."""
    for sealed in (False, True):
        for engine in OPTIONS:
            one = partial(Case, engine=engine, sealed=sealed)
            forget = call("forget", "model", "bee", "--yes", "--reason", "request 7")
            yield one("forget", kills=170, command=forget, again=frozenset({0, 5}))
            two = call("forget", "model", "bee", "cow", "--yes")
            yield one("forget two", kills=60, command=two, again=frozenset({0, 5}))
            yield one(
                "set-keep", kills=20, command=call("set-keep", "model", "0.8"), again=frozenset({0, 1, 2})
            )
            detach, attach = call("detach", "model", "bee"), call("attach", "model", "bee")
            yield one("detach", kills=40, command=detach, again=frozenset({0, 1, 2, 5}))
            yield one("attach", kills=40, command=attach, prepare=both(detach), again=frozenset({0, 1, 2, 5}))
            people = ("--subjects", "1") if engine == "exact" else ()
            machine = ("--device", "cpu")
            yield one(
                "add",
                kills=60,
                command=call("add", "model", "doe", "more", *machine, *people),
                again=frozenset({0, 1, 2}),
            )
            entry = ("copies", "model", "--add", "backup", "tape 7")
            yield one("copies", kills=40, command=call(*entry), again=frozenset({0, 1, 2}))
            yield one(
                "ledger export",
                kills=20,
                command=call("ledger", "export", "model", "--out", "ledger.jsonl"),
                again=frozenset({0, 1, 2}),
                check=exported,
            )
            yield one(
                "restore --replay",
                kills=70,
                command=call("restore", "model", "--replay", "newer.jsonl"),
                prepare=as_backup(forget),
                may_lose_scores=True,
            )
            learn = call(
                "learn",
                "data",
                "--out",
                "model",
                "--backbone",
                "../vit",
                "--engine",
                engine,
                *OPTIONS[engine],
                *MACHINE,
                *(["--seal"] if sealed else []),
            )
            yield one(
                "learn",
                kills=50,
                command=learn,
                prepare=lambda place: shutil.rmtree(place.model),
                again=frozenset({0, 1, 2}),
                may_leave=frozenset({"checkpoint checkpoint.safetensors"}),
            )
            audit = ("audit", "model", "--data", "data", "--forget", "bee", "--attacks", "mixed_stream")
            yield one(
                "audit",
                kills=30 if engine == "exact" else 10,
                command=call(*audit, "--seeds", "1", "--workers", "1", *people, *MACHINE),
                again=frozenset({0, 1, 2, 4}),
                may_leave=frozenset({"checkpoint work"}),
            )
            if not sealed:
                yield one("seal", kills=110, command=call("seal", "model"), again=frozenset({0, 1, 2}))
        exact = partial(Case, engine="exact", sealed=sealed)
        person = call("forget", "model", "--subject", "Kim", "--yes")
        yield exact("forget --subject", kills=200, command=person, again=frozenset({0, 5}))
        refit = call("refit", "model", "data", "--subjects", "1", "--device", "cpu")
        yield exact("refit", kills=50, command=refit, prepare=both(person))
    keys = partial(Case, engine="exact", sealed=True)
    yield keys("keys make", kills=40, command=call("keys", "make"), again=frozenset({0, 1, 2}), check=signs)
    yield keys("keys backup", kills=20, command=BACKUP, again=frozenset({0, 1, 2}))
    yield keys(
        "keys restore",
        kills=40,
        command=call("keys", "restore", "keys.backup"),
        prepare=without_keyring,
        again=frozenset({0, 1, 2}),
    )
    signed = both(call("forget", "model", "bee", "--yes"))
    yield keys("keys rotate", kills=80, command=call("keys", "rotate"), prepare=signed, check=signs)


def write_images(root: Path, names: Sequence[str]) -> None:
    """Write noisy images of 8 px, the class's colour each, in a folder for each person."""
    for name in names:
        for person in PEOPLE:
            rng = np.random.default_rng(ord(name[0]) + 1000 * ord(person[0]))
            (root / name / person).mkdir(parents=True)
            for number in range(8):
                noise = rng.normal(0, 30, (8, 8, 3)) + CLASSES[name]
                Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(
                    root / name / person / f"{number}.png"
                )


def write_vit(folder: Path) -> None:
    """Write a seeded ViT of two blocks, width 32, for images of 16 px."""
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(
        image_size=16,
        patch_size=8,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        initializer_range=0.1,
    )
    torch.manual_seed(0)
    ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    values = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(values), encoding="utf-8")


def base_of(root: Path, engine: str, sealed: bool) -> Place:
    """Return a place with a learned model of three classes, made once."""
    place = Place(root / f"{engine}-{'sealed' if sealed else 'plain'}")
    if not place.root.exists():
        unfinished = Place(root / ".unfinished")
        shutil.rmtree(unfinished.root, ignore_errors=True)
        write_images(unfinished.root / "data", ("ant", "bee", "cow"))
        write_images(unfinished.root / "more", ("ant", "bee", "cow", "doe"))
        learn = (
            "learn",
            "data",
            "--out",
            "model",
            "--backbone",
            root / "vit",
            "--engine",
            engine,
            *OPTIONS[engine],
        )
        seal = ("--seal",) if sealed else ()
        # in a child, since torch's threads for gradients don't survive the forks that come later
        if code := forked(lambda: unfinished.run(*learn, *MACHINE, *seal)):
            raise SystemExit(f"learning the {engine} model failed with exit code {code}")
        unfinished.root.rename(place.root)
    return place


def unfinished_files(place: Place) -> list[str]:
    """Return what only a run that was cut off leaves."""
    return sorted(
        str(path.relative_to(place.root))
        for path in place.root.rglob("*")
        if path.name.startswith(".writing-") or path.name.endswith((".unfinished", ".learning", ".erasing"))
    )


def forked(do: Callable[[], object]) -> int:
    """Run something in a child and return its exit code, 99 for an exception."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = int(do() or 0)  # type: ignore[call-overload]
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run_case(
    case: Case, root: Path, share: float, part: tuple[int, int], results: Path, done: dict[str, set[int]]
) -> None:
    """Kill one command at drawn calls, of which this is a part; write a line for each kill."""
    base = base_of(root, case.engine, case.sealed)
    start = Place(root / "start")
    shutil.rmtree(start.root, ignore_errors=True)
    shutil.copytree(base.root, start.root)
    if forked(lambda: case.prepare(start)) != 0:
        raise SystemExit(f"{case.key}: preparing it failed")
    before, digests = view(start)

    def copy() -> Place:
        place = Place(root / "run")
        shutil.rmtree(place.root, ignore_errors=True)
        shutil.copytree(start.root, place.root)
        return place

    whole = copy()
    codes = root / "code"
    calls, code = run_and_kill(lambda: codes.write_text(str(case.command(whole))), None)
    if code != 0 or codes.read_text() not in ("0", "4"):
        raise SystemExit(f"{case.key}: the command fails without a kill: {code}, {codes.read_text()}")
    after, new_digests = view(whole)
    points = list(range(1, calls - 1))  # the last calls are those that note the exit code here
    number = max(1, min(len(points), round(case.kills * share)))
    points = sorted(random.Random(case.key).sample(points, number))[part[0] - 1 :: part[1]]
    for at in points:
        if at in done.get(case.key, set()):
            continue
        place, problems = copy(), []
        _, code = run_and_kill(partial(case.command, place), at)
        if code is not None:
            continue  # this run made fewer calls: nothing was killed
        state = "?"
        try:
            seen, left = view(place)
            state = "before" if case.same(seen, before) else "after" if case.same(seen, after) else "neither"
            if state == "neither":
                problems.append(f"neither before nor after: {seen}")
            stays = digests.keys() & (digests.keys() if state == "before" else new_digests.keys())
            if case.name not in ("seal", "refit") and any(left.get(i) != digests[i] for i in stays):
                problems.append("a record that stays has changed or is gone")
            case.check(place, False)
            again = forked(partial(case.command, place))
            if again not in case.again:
                problems.append(f"run again it ends with exit code {again}")
            seen, left = view(place)
            if not case.same(seen, after):
                problems.append(f"run again it ends in another state: {seen}")
            if (rest := unfinished_files(place)) and not (rest == ["model.learning"] and case.may_leave):
                problems.append(f"left behind: {rest}")
            case.check(place, True)
        except (PreforgetError, AssertionError) as error:
            problems.append(f"{type(error).__name__}: {str(error)[:300]}")
        line = {"case": case.key, "at": at, "calls": calls, "state": state, "problems": problems}
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def report(results: Path) -> str:
    """Return the table of what was found so far."""
    lines = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    kinds = sorted({line["case"] for line in lines})
    rows = [
        "| command, engine, model | kills | of calls | before | after | problems |",
        "|---|---|---|---|---|---|",
    ]
    for kind in kinds:
        own = [line for line in lines if line["case"] == kind]
        states = Counter(line["state"] for line in own)
        bad = sum(bool(line["problems"]) for line in own)
        rows.append(
            f"| {kind} | {len(own)} | {own[0]['calls']} | {states['before']} | {states['after']} | {bad} |"
        )
    rows.append(f"\n{len(lines)} kills, {sum(bool(line['problems']) for line in lines)} with a problem.")
    seen = Counter(problem for line in lines for problem in line["problems"])
    rows += [f"{count:5} x {problem}" for problem, count in seen.most_common(20)]
    return "\n".join(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaign and print its table; exit code 1 if anything was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("kills"), help="folder of models and results")
    parser.add_argument(
        "--share", type=float, default=1.0, help="part of the campaign's kills (default: all)"
    )
    parser.add_argument("--part", default="1/1", help="of several that run at once, each with its own --out")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="commands, by the name of their case")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    part = tuple(map(int, args.part.split("/")))
    if len(part) != 2 or not 1 <= part[0] <= part[1]:
        parser.error(f"--part {args.part}: give which part of how many, such as 1/4")
    root = args.out.absolute()
    root.mkdir(parents=True, exist_ok=True)
    results = root / "kills.jsonl"
    results.touch()
    if not (root / "vit").exists():
        with tempfile.TemporaryDirectory(dir=root) as place:
            write_vit(Path(place) / "vit")
            (Path(place) / "vit").rename(root / "vit")
    done: dict[str, set[int]] = {}
    for line in map(json.loads, results.read_text(encoding="utf-8").splitlines()):
        done.setdefault(line["case"], set()).add(line["at"])
    for case in cases():
        if case.name in (args.only or [case.name]):
            print(case.key, file=sys.stderr, flush=True)
            run_case(case, root, args.share, part, results, done)
    table = report(results)
    print(table)
    return int("0 with a problem" not in table)


if __name__ == "__main__":
    sys.exit(main())
