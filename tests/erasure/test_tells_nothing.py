"""Nothing of a sealed folder and a receipt tells whose record was erased: rules guess names of many models no better
than chance. `PREFORGET_FUZZ=full` takes twice as many.

The guesser knows all names, who has how many images, and the order of the names; has the folder of before and after,
and the receipt; and lacks the keyring.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from scipy.stats import beta

from preforget.engines.derive import missing_pairs
from preforget.erasure import forget, plan
from preforget.erasure.receipt import payload_of
from preforget.records import ClassRecord, UnitBank
from preforget.records.units import make_unit
from preforget.store import Manifest, ModelFolder
from preforget.store.layout import PACKS
from preforget.store.pack import slots_of

from .conftest import BACKBONE, make_record

NAMES = ["Al", "Bea of Hohenzollern-Sigmaringen", "Cy", "Dee the Younger", "Éva Szabó"]
MODELS = 200 if os.environ.get("PREFORGET_FUZZ") == "full" else 100
SURE = 1 - 1e-6

Seen = dict[str, int]
"""What the guesser sees of one erasure: numbers and ranks by what they are of."""


def of_persons(rng: torch.Generator) -> list[ClassRecord]:
    """Return the units of five persons in two classes, of whom each has another number of images."""
    records = []
    for label in ("face", "hand"):
        for number, name in enumerate(NAMES):
            images = torch.randint(-99, 99, (3 + number, 32), generator=rng, dtype=torch.int16)
            records.append(make_unit(label, name, [images], images[:1]))
    return [*records, *missing_pairs(UnitBank.of(records), ["face", "hand"], 1.0)]


def of_many(rng: torch.Generator) -> list[ClassRecord]:
    """Return the units of the five persons and of 30 others, which are so many that they lie in packs."""
    others = [
        make_unit(
            label,
            f"somebody {number}",
            [torch.zeros(1, 32, dtype=torch.int16)],
            torch.zeros(1, 32, dtype=torch.int16),
        )
        for label in ("face", "hand")
        for number in range(30)
    ]
    units = [record for record in of_persons(rng) if record.subject is not None] + others
    return [*units, *missing_pairs(UnitBank.of(units), ["face", "hand"], 1.0)]


def of_classes(_: torch.Generator) -> list[ClassRecord]:
    """Return the records of five classes."""
    return [make_record(name, slot) for slot, name in enumerate(NAMES)]


def of_a_person(number: int) -> bool:
    """Tell whether a person is erased from a model, and not a class: in one of four, since that takes longer."""
    return number % 4 == 0


def orders_of(folder: ModelFolder) -> dict[str, list[str]]:
    """Return the ids of a folder's records in every order that anybody can see without its keyring."""
    listed = next(iter(folder.ledger.entries())).data["records"]
    status = {path.stem: path.stat() for path in (folder.path / "records").iterdir()}
    return {
        "row": [record["id"] for record in listed],
        "name": [record["id"] for record in sorted(listed, key=lambda record: record["name"])],
        "bytes": [record["id"] for record in sorted(listed, key=lambda record: record["bytes"])],
        "manifest": list(json.loads((folder.path / "preforget.json").read_bytes())["records"]),
        "digest": sorted(status, key=folder.manifest.records.__getitem__),
        "folder": list(status),
        "id": sorted(status),
        "size": sorted(status, key=lambda i: status[i].st_size),
        "changed": sorted(status, key=lambda i: status[i].st_mtime_ns),
        "inode": sorted(status, key=lambda i: status[i].st_ino),
    }


def places_in_packs(folder: ModelFolder) -> dict[str, list[str]]:
    """Return the ids of packed records in the orders that the packs show."""
    paths = sorted((folder.path / PACKS).iterdir())
    packs = [list(slots_of(path.read_bytes(), path.name)) for path in paths]
    sizes = {i: (len(pack), n) for pack in packs for n, i in enumerate(pack)}
    return {
        "pack": [i for pack in packs for i in pack],
        "slot": sorted(sizes, key=lambda i: sizes[i][1]),
        "pack by size": sorted(sizes, key=lambda i: sizes[i]),
    }


def erase_packed(place: Path, number: int, name: str) -> Seen:
    """As `erase_one`, of a model whose records lie in packs: where the records stood, and what is left of the packs."""
    manifest = replace(Manifest("exact", "exact", {"shrinkage": 1.0}, BACKBONE, 0.95), sealed=True)
    records = of_many(torch.Generator().manual_seed(number))
    folder = ModelFolder.create(place / f"{number}", manifest, records, {}, place / f"keyring of {number}")
    orders = places_in_packs(folder)
    receipt = forget(plan(folder, subject=name), folder=folder).receipt
    assert receipt is not None
    gone = payload_of(receipt.read_bytes())["predicate"]["records"]
    packed = [i for i in (record["id"] for record in gone) if i in orders["pack"]]
    assert len(packed) == 2
    seen = {"records": len(gone), "events": folder.ledger.head().seq, "receipt": receipt.stat().st_size}
    for what, order in orders.items():
        seen |= {f"{what} {n}": order.index(i) for n, i in enumerate(packed)}
    left = sorted(path.stat().st_size for path in (folder.path / PACKS).iterdir())
    return {**seen, **{f"left {n}": size for n, size in enumerate(left)}}


def erase_one(place: Path, number: int, name: str) -> Seen:
    """Learn a sealed model, forget a name, and return what is seen: the place of each erased record in every order."""
    exact = of_a_person(number)
    records = (of_persons if exact else of_classes)(torch.Generator().manual_seed(number))
    kind = ("exact", "exact", {"shrinkage": 1.0}) if exact else ("isolated", "parametric", {"seed": 0})
    manifest = replace(Manifest(*kind, BACKBONE, 0.95), sealed=True)
    folder = ModelFolder.create(place / f"{number}", manifest, records, {}, place / f"keyring of {number}")
    orders = orders_of(folder)
    chosen = plan(folder, subject=name) if exact else plan(folder, label=name)
    receipt = forget(chosen, folder=folder).receipt
    assert receipt is not None
    gone = payload_of(receipt.read_bytes())["predicate"]["records"]
    seen = {"records": len(gone), "events": folder.ledger.head().seq, "receipt": receipt.stat().st_size}
    for what, order in orders.items():
        seen |= {f"{what} {n}": order.index(record["id"]) for n, record in enumerate(gone)}
    return {**seen, **{f"bytes {n}": record["bytes"] for n, record in enumerate(gone)}}


@pytest.fixture(scope="module")
def erased() -> Iterator[list[tuple[str, Seen]]]:
    """Return the name that was erased and what is seen of it, for each model."""
    rng, memory = random.Random(0), Path("/dev/shm")  # a disk takes ten times as long
    root = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))
    try:
        found = []
        for number in range(MODELS):
            name = rng.choice(NAMES)
            found.append((name, erase_one(root, number, name)))
        yield found
    finally:
        shutil.rmtree(root)


Rule = Callable[[int], str]


def learned_rule(cases: list[tuple[str, int]]) -> Rule:
    """Return the rule that guesses, for a number, the name that had it most often."""
    by_value: dict[int, Counter[str]] = {}
    for name, value in cases:
        by_value.setdefault(value, Counter())[name] += 1
    return lambda value: by_value[value].most_common(1)[0][0] if value in by_value else NAMES[0]


def lower_bound(hits: int, cases: int) -> float:
    """Return the lower end of the exact interval of a share (Clopper and Pearson 1934), wrong once in a million."""
    return float(beta.ppf(1 - SURE, hits, cases - hits + 1)) if hits else 0.0


def hits_of(cases: list[tuple[str, int]]) -> dict[str, int]:
    """Return how many names each rule guesses: that of the order of names, and one learned from the other half."""
    first, second = cases[::2], cases[1::2]
    rules = {
        "in order": (lambda value: NAMES[value % len(NAMES)], cases),
        "learned": (learned_rule(first), second),
        "learned from the others": (learned_rule(second), first),
    }
    return {what: sum(rule(value) == name for name, value in of) for what, (rule, of) in rules.items()}


def test_no_rule_names_who_was_erased_from_packs(tmp_path: Path) -> None:
    rng, cases = random.Random(2), []
    for number in range(MODELS // 5):
        cases.append((name := rng.choice(NAMES), erase_packed(tmp_path, number, name)))
    for what in cases[0][1]:
        hits = hits_of([(name, seen.get(what, -1)) for name, seen in cases])
        learned = hits["learned"] + hits["learned from the others"]
        for count in (hits["in order"], learned):
            assert lower_bound(count, len(cases)) <= 1 / len(NAMES), (what, hits)


@pytest.mark.parametrize("kind", ["person", "class"])
def test_no_rule_names_what_was_erased(erased: list[tuple[str, Seen]], kind: str) -> None:
    cases = [case for number, case in enumerate(erased) if of_a_person(number) == (kind == "person")]
    assert len(cases) == (MODELS // 4 if kind == "person" else MODELS * 3 // 4)
    for what in cases[0][1]:
        hits = hits_of([(name, seen[what]) for name, seen in cases])
        learned = hits["learned"] + hits["learned from the others"]
        for count in (hits["in order"], learned):
            assert lower_bound(count, len(cases)) <= 1 / len(NAMES), (what, hits)


def test_the_rules_would_find_an_order_of_names_or_a_size() -> None:
    rng = random.Random(1)
    cases = [(name := rng.choice(NAMES), NAMES.index(name)) for _ in range(100)]
    assert hits_of(cases) == {"in order": 100, "learned": 50, "learned from the others": 50}
    sizes = [(name, 1000 + 7 * number) for name, number in cases]
    hits = hits_of(sizes)
    assert lower_bound(hits["learned"] + hits["learned from the others"], 100) > 0.8
    leaky = [(name, number if rng.random() < 0.4 else rng.randrange(5)) for name, number in cases]
    assert lower_bound(hits_of(leaky)["in order"], 100) > 1 / len(NAMES)
