"""Cases on models of many persons, whose records lie in packs, and of so many that their keys lie in pages."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

import scene_cases
from preforget.cli.keys import NEW_VARIABLE
from preforget.erasure import open_folder
from preforget.store.keyring import PASSPHRASE_VARIABLE
from preforget.store.model_keys import PAGED_FROM
from scene_cases import (
    BACKED_UP,
    DONE,
    FIRST_PASSPHRASE,
    MACHINE,
    as_backup,
    both,
    call,
    changed,
    counted,
    put_back,
    signs,
    without_keyring,
)
from scenes import FORMER, PRESENT, Case, Place, forked

PERSONS = {"persons": 40, "pages": PAGED_FROM // 3 + 20}
"""How many persons there are, with an input of each of three classes: enough for packs, and for pages of keys."""
CENTRES = {"ant": 0.0, "bee": 5.0, "cow": -5.0, "doe": 10.0}
OPTIONS = ("--backbone", "features", "--engine", "exact", "--subjects", "subject", *MACHINE)
SOME = ("Kim", "Lee", "Pat")
"""Persons of the table whose names are known to the commands; the others have numbers."""
GONE = frozenset({0, 5})


def all_cases() -> Iterator[Case]:
    """Yield the cases of all models."""
    yield from scene_cases.cases()
    for sealed in (False, True):
        yield from cases_of("persons", sealed, 1.0)
    yield from key_cases("persons")
    # a model with pages takes seconds to open, and differs from one with packs in its keys alone
    pages = {case.name: case for case in [*cases_of("pages", True, 0.3), *key_cases("pages")]}
    yield from (pages[name] for name in PAGED)
    yield from (case for case in cases_of("pages", False, 0.3) if case.name == "seal")


PAGED = (
    *("forget --subject", "forget --subject, three", "forget", "add --more", "refit", "restore", "learn"),
    *("keys restore", "keys passphrase, first", "keys passphrase"),
)


def cases_of(kind: str, sealed: bool, share: float) -> Iterator[Case]:
    """Yield the commands on a model with packs; `share`: of the kills of a model with few persons."""

    def one(
        name: str, kills: int, command: Callable[[Place], int], again: frozenset[int] = DONE, **more: object
    ) -> Case:
        wanted = max(1, round(kills * share))
        return Case(name, kind, sealed, wanted, command, again=again, **more)  # type: ignore[arg-type]

    people = ("--subjects", "subject", "--device", "cpu")
    person = call("forget", "model", "--subject", SOME[0], "--yes", "--reason", "request 7")
    three = call("forget", "model", *(part for name in SOME for part in ("--subject", name)), "--yes")
    class_ = call("forget", "model", "bee", "--yes")
    yield one("forget --subject", 150, person, GONE)
    yield one("forget --subject, three", 60, three, GONE)
    yield one("forget", 60, class_, GONE)
    yield one("detach", 20, call("detach", "model", "bee"), DONE | {5})
    yield one("rename", 30, call("rename", "model", "bee", "wasp", "--device", "cpu"), GONE)
    into = call("add", "model", "--into", "ant", "--from", "bee", "--device", "cpu")
    yield one("add --into", 30, into, GONE)
    yield one("add", 40, call("add", "model", "doe", "more.csv", *people))
    more = call("add", "model", "bee", "data.csv", "--more", *people)
    yield one("add --more", 40, more, check=counted)
    yield one("refit", 40, call("refit", "model", "data.csv", *people), frozenset({0}), prepare=both(person))
    replay = call("restore", "model", "--replay", "newer.jsonl")
    yield one("restore --replay", 60, replay, frozenset({0}), prepare=as_backup(person))
    if sealed:
        yield one("restore", 40, call("restore", "model"), frozenset({0}), prepare=put_back)
    else:
        yield one("seal", 80, call("seal", "model"))
    learn = call("learn", "data.csv", "--out", "model", *OPTIONS, *(["--seal"] if sealed else []))
    left = frozenset({"checkpoint ID.sealed" if sealed else "checkpoint checkpoint.safetensors"})
    yield one("learn", 40, learn, prepare=_without_model, may_leave=left)


def key_cases(kind: str) -> Iterator[Case]:
    """Yield the commands on the keyring of a sealed model."""
    keys = partial(Case, engine=kind, sealed=True)
    restore = call("keys", "restore", "keys.backup")
    yield keys("keys restore", kills=20, command=restore, prepare=without_keyring, again=DONE)
    signed = both(call("forget", "model", "bee", "--yes"))
    yield keys("keys rotate", kills=20, command=call("keys", "rotate"), prepare=signed, check=signs)
    yield keys("keys backup", kills=10, command=BACKED_UP, again=DONE)
    yield keys("keys passphrase, first", kills=30, command=FIRST_PASSPHRASE, prepare=signed)
    second = call("keys", "passphrase", **{PASSPHRASE_VARIABLE: FORMER, NEW_VARIABLE: PRESENT})
    first = both(call("forget", "model", "--subject", SOME[0], "--yes"), FIRST_PASSPHRASE)
    yield keys("keys passphrase", kills=30, command=second, prepare=first, check=changed)


def write_table(path: Path, persons: int, names: Sequence[str]) -> None:
    """Write a table of vectors, one of each class and person; the last persons are for validation and test."""
    rng, lines = np.random.default_rng(0), ["label,subject,part,x0,x1,x2"]
    for name in names:
        for number in range(persons):
            part = "test" if number >= persons - 4 else "val" if number >= persons - 10 else "train"
            numbers = ",".join(f"{x:.4f}" for x in rng.normal(size=3) + CENTRES[name])
            lines.append(f"{name},{(*SOME, f'person-{number:04}')[min(number, len(SOME))]},{part},{numbers}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def base_of(root: Path, kind: str, sealed: bool) -> Place:
    """Return a place with a learned model of a kind, made once."""
    if kind not in PERSONS:
        return scene_cases.base_of(root, kind, sealed)
    place = Place(root / f"{kind}-{'sealed' if sealed else 'plain'}")
    if not place.root.exists():
        unfinished = Place(root / ".unfinished")
        shutil.rmtree(unfinished.root, ignore_errors=True)
        unfinished.root.mkdir()
        write_table(unfinished.root / "data.csv", PERSONS[kind], ("ant", "bee", "cow"))
        (unfinished.root / "one.csv").write_text("x0,x1,x2\n0.5,0.25,-0.5\n", encoding="utf-8")
        write_table(unfinished.root / "more.csv", PERSONS[kind], ("ant", "bee", "cow", "doe"))
        learn = ("learn", "data.csv", "--out", "model", *OPTIONS, *(["--seal"] if sealed else []))
        if code := forked(lambda: unfinished.run(*learn)):
            raise SystemExit(f"learning the model of {kind} failed with exit code {code}")
        folder = open_folder(unfinished.model, unfinished.keyring)
        pages = any(unfinished.keyring.glob("*.page"))
        if not folder.manifest.packs or pages != (kind == "pages" and sealed):
            raise SystemExit(f"the model of {kind} has no packs, or its keys don't lie as they should")
        unfinished.root.rename(place.root)
    return place


def _without_model(place: Place) -> None:
    shutil.rmtree(place.model)
