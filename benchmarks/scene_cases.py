"""Every command that writes, on small models of every engine, sealed and not: the cases of the campaigns."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from preforget.cli.keys import NEW_VARIABLE
from preforget.erasure import open_folder
from preforget.erasure.receipt import Receipt, payload_of
from preforget.records.units import unit_inputs
from preforget.store import Manifest
from preforget.store.keyring import PASSPHRASE_VARIABLE, open_keyring
from preforget.store.layout import RECEIPTS
from scenes import FORMER, PRESENT, Case, Place, forked

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "erasure"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
from tracing import KILL, Change, run_traced  # type: ignore[import-not-found]

from random_vit import write_random_vit

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden" / "format2"
MACHINE = ("--device", "cpu", "--dtype", "float32")
CLASSES = {"ant": (220, 40, 40), "bee": (40, 220, 40), "cow": (40, 40, 220), "doe": (200, 200, 40)}
PEOPLE = ("Kim", "Lee", "Pat")
OPTIONS = {
    "isolated": ("--epochs", "1", "--lora-rank", "1", "--batch-size", "32", "--top-classes"),
    "paper": ("--epochs", "1", "--batch-size", "32", "--top-classes"),
    "exact": ("--levels", "1", "--subjects", "1"),
}


def call(*args: object, **variables: str) -> Callable[[Place], int]:
    """Return what runs one command in a place, with these variables of the environment (in a child)."""

    def run(place: Place) -> int:
        os.environ.update(variables)
        return place.run(*args)

    return run


def both(*steps: Callable[[Place], int]) -> Callable[[Place], None]:
    """Return what runs several commands, each of which must succeed."""

    def run(place: Place) -> None:
        for step in steps:
            if code := step(place):
                raise AssertionError(f"preparing a case failed with exit code {code}: {place.said[-1]}")

    return run


def exported(place: Place, repeated: bool) -> None:
    """A ledger's export is whole or not there, and there after a repetition."""
    file = place.root / "ledger.jsonl"
    if file.exists():
        lines = file.read_text(encoding="utf-8").splitlines()
        assert all(json.loads(line) for line in lines)
        assert lines
    assert file.exists() or not repeated


def unchecked(place: Place, repeated: bool) -> None:
    """Look at nothing more than every case does."""


def counted(place: Place, repeated: bool) -> None:
    """A class has its inputs once, or twice where they were added again; a third time if the command ran twice."""
    units = [
        r for r in open_folder(place.model, place.keyring).records() if r.label == "bee" and not r.partner
    ]
    known = [number for unit in units if (number := unit_inputs(unit))]  # some persons are for validation
    times = {number / min(known) for number in known}
    assert times == {1.0}, f"some persons' inputs were added and others' weren't: {known}"


def answered(place: Place, repeated: bool) -> None:
    """A file of answers is whole or not there, and there after a repetition."""
    file = place.root / "answers.csv"
    if file.exists():
        assert len(file.read_text(encoding="utf-8").splitlines()) == 1 + 72
    assert file.exists() or not repeated


def signs(place: Place, repeated: bool) -> None:
    """There is a key that signs, and what was signed before verifies (`view` does that)."""
    signing = open_keyring(place.keyring).signing
    if signing.known():
        assert signing.current().key_id in signing.known(), "the current key is not among the known ones"
    assert signing.known() or not repeated, "there is no key that signs"


def without_keyring(place: Place) -> None:
    """Back the keyring up and lose it."""
    both(BACKED_UP)(place)
    shutil.rmtree(place.keyring)


def as_backup(change: Callable[[Place], int]) -> Callable[[Place], None]:
    """Return what keeps a backup, changes the model, exports its ledger and puts the backup in its place."""

    def run(place: Place) -> None:
        shutil.copytree(place.model, place.root / "backup")
        both(change, call("ledger", "export", "model", "--out", "newer.jsonl"))(place)
        shutil.rmtree(place.model)
        (place.root / "backup").rename(place.model)

    return run


def put_back(place: Place) -> None:
    """Keep a copy of the folder, forget a class, and put the copy back, as somebody does who has lost the model."""
    shutil.copytree(place.model, place.root / "backup")
    both(call("forget", "model", "bee", "--yes"))(place)
    shutil.rmtree(place.model)
    (place.root / "backup").rename(place.model)


def cut_off(learn: Callable[[Place], int]) -> Callable[[Place], None]:
    """Return what kills a learning after its first checkpoint."""

    def run(place: Place) -> None:
        shutil.rmtree(place.model)
        written = False

        def decide(number: int, change: Change) -> int:
            nonlocal written
            if written and change.call == "openat":
                return int(KILL)
            written = written or (change.call == "rename" and "model.learning" in change.path)
            return 0

        run_traced(partial(learn, place), decide)
        assert any(place.root.glob("model.learning/*")), "no checkpoint was left"

    return run


def nothing_learned(place: Place, repeated: bool) -> None:
    """Nothing is left of a learning that was discarded."""
    assert not repeated or not (place.root / "model.learning").exists(), "the checkpoint is still there"


def changed(place: Place, repeated: bool) -> None:
    """The present passphrase opens the keyring, at least after a repetition."""
    if repeated:
        open_keyring(place.keyring, lambda: PRESENT).signing.current()


def copy_gone(place: Place, repeated: bool) -> None:
    """The copy is deleted, or the receipt says that it isn't: an erasure that was cut off leaves copies."""
    for receipt in (place.model / RECEIPTS).glob("*.json"):
        (copy,) = Receipt.from_statement(payload_of(receipt.read_bytes())).copies
        there = (place.root / "copy").exists()
        gone = copy["status"] in ("removed", "not present")
        unreadable = copy["status"] == "removed" and "keys are destroyed" in copy["detail"]
        assert there != gone or unreadable, f"the receipt says {copy}, and the copy is there: {there}"


def listed_copy(place: Place) -> None:
    """Make a copy of the model and list it as one that goes with an erasure."""
    shutil.copytree(place.model, place.root / "copy")
    copy = place.root.with_name("run") / "copy"  # where the command will run
    both(call("copies", "model", "--add", "export", copy, "--delete"))(place)


def strike(place: Place) -> int:
    """Strike out the only copy that is listed."""
    known = open_folder(place.model, place.keyring).manifest.copies
    return place.run("copies", "model", "--remove", next(iter(known), "0" * 32))


def cases() -> Iterator[Case]:
    """Yield all cases; the number of kills is that of a whole campaign."""
    for sealed in (False, True):
        for engine in OPTIONS:
            yield from cases_of(engine, sealed)
    yield from key_cases()
    yield from upgrade_cases()


DONE = frozenset({0, 1, 2})
"""Exit codes of most commands where their work has been done before."""
PERSON = call("forget", "model", "--subject", "Kim", "--yes")
BACKED_UP = call("keys", "backup", "keys.backup")
FIRST_PASSPHRASE = call("keys", "passphrase", **{NEW_VARIABLE: FORMER})


def cases_of(engine: str, sealed: bool) -> Iterator[Case]:
    """Yield the commands on one kind of model."""
    one = partial(Case, engine=engine, sealed=sealed)
    people = ("--subjects", "1") if engine == "exact" else ("--top-classes",)
    forget = call("forget", "model", "bee", "--yes", "--reason", "request 7")
    detach, attach = call("detach", "model", "bee"), call("attach", "model", "bee")
    learn = call(
        *("learn", "data", "--out", "model", "--backbone", "../vit", "--engine", engine),
        *(*OPTIONS[engine], *MACHINE, *(["--seal"] if sealed else [])),
    )
    audit = call(
        *("audit", "model", "--data", "data", "--forget", "bee", "--attacks", "mixed_stream"),
        *("--seeds", "1", "--workers", "1", *people, *MACHINE),
    )
    gone = frozenset({0, 5})
    yield one("forget", kills=170, command=forget, again=gone)
    two = call("forget", "model", "bee", "cow", "--yes")
    yield one("forget two", kills=60, command=two, again=gone)
    yield one("set-keep", kills=20, command=call("set-keep", "model", "0.8"), again=DONE)
    yield one("detach", kills=40, command=detach, again=DONE | {5})
    yield one("attach", kills=40, command=attach, prepare=both(detach), again=DONE | {5})
    add = call("add", "model", "doe", "more", "--device", "cpu", *people)
    yield one("add", kills=60, command=add, again=DONE)
    lacking = both(call("forget", "model", "bee", "cow", "--yes"))
    two_back = call("add", "model", "bee", "cow", "data", "--device", "cpu", *people)
    yield one("add two", kills=30, command=two_back, prepare=lacking, again=DONE)
    if engine != "paper":  # it refuses further inputs
        more = call("add", "model", "bee", "data", "--more", "--device", "cpu", *people)
        yield one("add --more", kills=30, command=more, check=counted if engine == "exact" else unchecked)
    if engine == "exact":
        yield join_case(sealed)
        merged = call("add", "model", "--into", "ant", "--from", "bee", "--device", "cpu")
        yield one("add --into", kills=40, command=merged, again=gone)
    renamed = call("rename", "model", "bee", "wasp", "--device", "cpu")
    yield one("rename", kills=40, command=renamed, again=gone)
    answers = call("predict", "model", "data", "--out", "answers.csv", "--top-k", "2", "--device", "cpu")
    yield one("predict --out", kills=10, command=answers, again=DONE, check=answered)
    copies = call("copies", "model", "--add", "backup", "tape 7")
    yield one("copies", kills=40, command=copies, again=DONE)
    yield one("copies --remove", kills=20, command=strike, prepare=both(copies), again=DONE)
    delete = call("forget", "model", "bee", "--yes", "--delete-copies")
    yield one(
        "forget --delete-copies",
        kills=20,
        command=delete,
        prepare=listed_copy,
        again=gone,
        check=copy_gone,
    )
    export = call("ledger", "export", "model", "--out", "ledger.jsonl")
    yield one("ledger export", kills=20, command=export, again=DONE, check=exported)
    replay = call("restore", "model", "--replay", "newer.jsonl")
    yield one("restore --replay", kills=70, command=replay, prepare=as_backup(forget))
    if sealed:
        restore = call("restore", "model")
        yield one("restore", kills=30, command=restore, prepare=put_back)
    yield one(
        "learn",
        kills=50,
        command=learn,
        prepare=lambda place: shutil.rmtree(place.model),
        again=DONE,
        may_leave=frozenset({"checkpoint ID.sealed" if sealed else "checkpoint checkpoint.safetensors"}),
    )
    if engine == "isolated":
        discard = call("learn", "--out", "model", "--discard")
        yield one("learn --discard", kills=20, command=discard, prepare=cut_off(learn), check=nothing_learned)
    yield one(
        "audit",
        kills=50 if engine == "exact" else 10,
        command=audit,
        again=DONE | {4},
        may_leave=frozenset({"checkpoint work"}),
    )
    if not sealed:
        yield one("seal", kills=110, command=call("seal", "model"), again=DONE)
    if engine == "exact":
        yield one("forget --subject", kills=200, command=PERSON, again=gone)
        refit = call("refit", "model", "data", "--subjects", "1", "--device", "cpu")
        yield one("refit", kills=50, command=refit, prepare=both(PERSON))
        retrained = call("verify", "model", "--against-retrain", "data", "--subjects", "1", "--device", "cpu")
        yield one("verify --against-retrain", kills=10, command=retrained, prepare=both(forget))


def join_case(sealed: bool) -> Case:
    """Return the joining of two parts, encrypted ones where the model is sealed, to a model that isn't there yet."""
    reader = ("--seal", "--for", "parts.pem") if sealed else ()
    halves = [
        call(
            *("learn", "data", "--out", f"part-{number}", "--backbone", "../vit", "--engine", "exact"),
            *(*OPTIONS["exact"], *MACHINE, "--shards", f"{number}/2", *reader),
        )
        for number in (1, 2)
    ]

    def prepare(place: Place) -> None:
        shutil.rmtree(place.model)
        place.run("keys", "make")  # unless there is a key
        both(call("keys", "show", "--parts-key", "parts.pem"), *halves)(place)

    join = call(*("join", "part-1", "part-2", "--out", "model", "--device", "cpu"), *reader[:1])
    listed = frozenset({"cache part-1", "cache part-2"})
    return Case("join", "exact", sealed, 60, join, prepare, DONE, parts_gone, listed)


def parts_gone(place: Place, repeated: bool) -> None:
    """No part is gone before the model is there, and none is left, or listed, after a repetition."""
    left = sorted(path.name for path in place.root.glob("part-*"))
    assert place.model.exists() or left == ["part-1", "part-2"], f"of the parts there are only {left}"
    if repeated:
        copies = open_folder(place.model, place.keyring).manifest.copies.values()
        assert not left, f"parts are left: {left}"
        assert not any("part-" in copy["place"] for copy in copies), "parts that are gone are listed"


def key_cases() -> Iterator[Case]:
    """Yield the commands on a keyring, that of a sealed model of the exact engine."""
    keys = partial(Case, engine="exact", sealed=True)
    made = call("keys", "make")  # a sealed model has a signing key already
    yield Case("keys make", engine="exact", sealed=False, kills=40, command=made, again=DONE, check=signs)
    yield keys("keys backup", kills=20, command=BACKED_UP, again=DONE)
    listed = call("keys", "backup", "keys.backup", "--model", "model")
    yield keys("keys backup --model", kills=30, command=listed, again=DONE)
    restore = call("keys", "restore", "keys.backup")
    yield keys("keys restore", kills=40, command=restore, prepare=without_keyring, again=DONE)
    signed = both(call("forget", "model", "bee", "--yes"))
    yield keys("keys rotate", kills=80, command=call("keys", "rotate"), prepare=signed, check=signs)
    yield keys("keys passphrase, first", kills=30, command=FIRST_PASSPHRASE, prepare=signed)
    second = call("keys", "passphrase", **{PASSPHRASE_VARIABLE: FORMER, NEW_VARIABLE: PRESENT})
    yield keys(
        "keys passphrase",
        kills=20,
        command=second,
        prepare=both(signed_once, FIRST_PASSPHRASE),
        check=changed,
    )


def upgrade_cases() -> Iterator[Case]:
    """Yield the command that brings a folder of an older format to today's."""
    for engine in OPTIONS:
        for sealed in (False, True):
            yield Case(
                "upgrade",
                engine,
                sealed,
                kills=50,
                command=call("upgrade", "model"),
                prepare=partial(of_format_2, f"{engine}-{'sealed' if sealed else 'plain'}"),
                check=backed_up,
                may_leave=frozenset({"export model.format2"}),
            )


def of_format_2(name: str, place: Place) -> None:
    """Put a golden folder of format 2 and its keyring in the place of the model; git keeps no modes."""
    for part in (place.model, place.keyring):
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(GOLDEN / name / part.name, part)
    for path in (place.keyring, *place.keyring.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)


def backed_up(place: Place, repeated: bool) -> None:
    """The folder as it was is there, whole, before anything else has changed, and after a repetition."""
    backup = place.root / "model.format2"
    upgraded = Manifest.read(place.model).format != 2
    assert backup.exists() or not (upgraded or repeated), "there is no backup"
    if backup.exists():
        names = {path.name for path in (backup / "records").iterdir()}
        assert Manifest.read(backup).format == 2
        assert {Path(name).stem for name in names} == set(Manifest.read(backup).records)


def signed_once(place: Place) -> int:
    """Forget a class, so that there is a receipt and a key that signs."""
    return place.run("forget", "model", "bee", "--yes")


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


def write_vit_once(folder: Path) -> None:
    """Write the encoder, whole or not at all, unless it is there."""
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=folder.parent) as place:
            write_random_vit(Path(place) / "vit", image_size=16, blocks=2)
            (Path(place) / "vit").rename(folder)


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
