"""Pipes, links, devices, sockets, endless folders and journals of SQLite where a model's files belong."""

from __future__ import annotations

import os
import random
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from preforget.erasure import restore
from preforget.erasure.verify import verify
from preforget.store.keyring import open_keyring
from preforget.store.layout import INTENT, LEDGER, RECEIPTS, RECORDS, SHARED
from preforget.store.manifest import NAME

from .conftest import Case, Range
from .draw import drawn, least
from .mutate import BOUNDARIES, mutate_bytes
from .place import Place, State, manifest_file, remove, values_of

ZEROS = "0" * 32
MAGIC = bytes.fromhex("d9d505f920a163d7")
PAGE = 4096


def deep(path: Path, count: int) -> None:
    """Make folders in folders, deeper than a path can say."""
    here = os.open(".", os.O_RDONLY)
    path.mkdir()
    os.chdir(path)
    for _ in range(count):
        os.mkdir("d")  # noqa: PTH102
        os.chdir("d")
    Path("end").write_bytes(b"end")
    os.fchdir(here)
    os.close(here)


def listen(path: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    os.chdir(path.parent)  # the address of a socket is short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path.name)
    os.fchdir(here)
    os.close(here)


def sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def things(canary: Path) -> dict[str, Callable[[Path], object]]:
    """Return what can lie in a file's or folder's place."""
    return {
        "pipe": lambda path: os.mkfifo(path),
        "socket": listen,
        "link to a file": lambda path: path.symlink_to(canary / "victim"),
        "link to a folder": lambda path: path.symlink_to(canary),
        "link to records": lambda path: path.symlink_to(canary / RECORDS),
        "link to a device": lambda path: path.symlink_to("/dev/zero"),
        "link to itself": lambda path: path.symlink_to(path.name),
        "link to nothing": lambda path: path.symlink_to(canary / "new"),
        "folder": lambda path: path.mkdir(),
        "deep folder": lambda path: deep(path, 1200),
        "too deep folder": lambda path: deep(path, 2500),
        "nothing in it": lambda path: path.write_bytes(b""),
        "large": lambda path: sparse(path, 100 << 20),
        "huge": lambda path: sparse(path, 1 << 40),
    }


@pytest.mark.slow
def test_things_in_places(firing_range: Range) -> None:
    place, canary, random_ = Place(firing_range), firing_range.canary, random.Random(23)
    receipt = firing_range.work / "receipt.json"
    made = {
        kind: place.make(kind)
        for kind in ("plain erased", "sealed erased", "plain announced", "sealed erasing")
    }
    keys = open_keyring(place.keyring).signing.known()
    extra = ("extra", "extra/x", ".writing-a", "records/.writing-a", f"records/{ZEROS}.safetensors")

    def cases() -> Iterator[Case]:
        for kind, (state, keyring) in made.items():
            receipts = [name for name in state if name.startswith(RECEIPTS)]
            records = sorted(name for name in state if name.startswith(RECORDS))[:1]
            journals = (f"{LEDGER}-journal", f"{LEDGER}-wal", f"{LEDGER}-shm")
            for name in (
                NAME,
                LEDGER,
                *journals,
                SHARED,
                INTENT,
                RECORDS,
                RECEIPTS,
                *receipts,
                *records,
                *extra,
            ):
                for what, make in drawn(things(canary).items(), random_):
                    place.lay(state, keyring)
                    path = place.path / name
                    remove(path)
                    path.parent.mkdir(exist_ok=True)
                    make(path)
                    if receipts:
                        receipt.write_bytes(state[receipts[0]])
                        yield "verify", f"{what} as {name} {kind}", lambda: verify(receipt, place.path, keys)
                    yield "open", f"{what} as {name} {kind}", place.open
                    if what.startswith("link"):
                        yield (
                            "restore",
                            f"{what} as {name} {kind}",
                            lambda: restore(place.path, place.keyring),
                        )
                    remove(path)

    firing_range.attack(cases()).check(least(1000))


def test_links_among_what_is_to_be_deleted(firing_range: Range) -> None:
    place, canary = Place(firing_range), firing_range.canary
    made = [place.make("plain"), place.make("sealed")]

    def cases() -> Iterator[Case]:
        for state, keyring in made:
            for suffix in ("safetensors", "sealed"):
                for name in (RECORDS, f"{RECORDS}/{ZEROS}.{suffix}", "elsewhere", RECEIPTS):
                    for target in (canary, canary / RECORDS, canary / RECORDS / f"{ZEROS}.safetensors"):
                        erasing = {**values_of(state), "erasing": [f"{RECORDS}/{ZEROS}.{suffix}"]}
                        place.lay({**state, NAME: manifest_file(erasing)}, keyring)
                        remove(place.path / name)
                        (place.path / name).symlink_to(target)
                        yield "link", f"{name} to {target.name}", place.open
                        remove(place.path / name)

    firing_range.attack(cases()).check(40)


def test_copies_that_a_folder_lists(firing_range: Range) -> None:
    """A list in the folder is no order of the user's to delete something elsewhere."""
    place, canary, random_ = Place(firing_range), firing_range.canary, random.Random(24)
    made = [place.make(f"{kind} {when}") for kind in ("plain", "sealed") for when in ("announced", "erasing")]
    copy = {"kind": "replica", "place": "", "time": "2026-01-31T12:00:00.000Z", "expires": None}
    targets = [canary, canary / "victim", canary / "new", Path("/a\0b"), Path("/" + "a" * 9000), Path("~/x")]

    def cases() -> Iterator[Case]:
        for kind, (state, keyring) in enumerate(made):
            for target in drawn(map(str, targets), random_):
                for name in ("replica", "cache", "backup", "nothing known"):
                    for sealed in (True, False):
                        listed = {**copy, "kind": name, "place": target, "sealed": sealed, "delete": True}
                        values = {**values_of(state), "copies": {ZEROS: listed}}
                        place.lay({**state, NAME: manifest_file(values)}, keyring)
                        yield "copy", f"{name} {target[-9:]!r} {sealed} {kind}", place.open

    firing_range.attack(cases()).check(least(150))


def journal(database: bytes, numbers: list[int], above: bytes = b"", **head: int) -> bytes:
    """Return a rollback journal of SQLite (sqlite.org/fileformat, 3), hot if it lies beside its database.

    `above`: the journal of several databases that it says it belongs to, which SQLite deletes when it is done.
    """
    values = {
        "count": len(numbers),
        "nonce": 0,
        "pages": len(database) // PAGE,
        "sector": 512,
        "page": PAGE,
        **head,
    }
    content = (MAGIC + struct.pack(">IIIII", *(value % 2**32 for value in values.values()))).ljust(512, b"\0")
    for number in numbers:
        page = database[(number - 1) * PAGE : number * PAGE]
        checksum = values["nonce"] + sum(page[at] for at in range(PAGE - 200, 0, -200) if at < len(page))
        content += struct.pack(">I", number % 2**32) + page + struct.pack(">I", checksum % 2**32)
    if above:
        signed = sum(byte if byte < 128 else byte - 256 for byte in above)
        content += struct.pack(">I", 2**30 // PAGE + 1) + above
        content += struct.pack(">II", len(above), signed % 2**32) + MAGIC
    return content


def test_journals(firing_range: Range) -> None:
    place, canary, random_ = Place(firing_range), firing_range.canary, random.Random(21)
    made = [place.make(kind) for kind in ("plain", "plain erased")]

    def hostile(database: bytes) -> Iterator[tuple[str, bytes]]:
        count = len(database) // PAGE
        every = list(range(1, count + 1))
        yield "plain", journal(database, every)
        for target in (
            canary / "victim",
            canary / "victim.png",
            place.path / NAME,
        ):
            yield f"belongs to {target.name}", journal(database, every, os.fsencode(target))
            yield f"only belongs to {target.name}", journal(database, [], os.fsencode(target))
        for name in ("count", "nonce", "pages", "sector", "page"):
            for number in (*BOUNDARIES, 1024, 32768, 2**30):
                yield f"{name} {number}", journal(database, every, **{name: number})
        for number in range(150):
            yield f"bytes {number}", mutate_bytes(random_, journal(database, every), database)
            changed = mutate_bytes(random_, database)
            yield f"another database {number}", journal(changed, list(range(1, len(changed) // PAGE + 1)))

    def cases() -> Iterator[Case]:
        for kind, (state, keyring) in enumerate(made):
            for name, content in drawn(hostile(state[LEDGER])):
                place.lay({**state, f"{LEDGER}-journal": content}, keyring)
                yield "journal", f"{name} {kind}", place.open

    firing_range.attack(cases()).check(least(700))


def test_models_in_each_others_places(firing_range: Range) -> None:
    place, random_ = Place(firing_range), random.Random(22)
    made = [
        place.make(kind) for kind in ("plain", "plain erased", "sealed", "sealed erased", "plain erasing")
    ]

    def cases() -> Iterator[Case]:
        for number in drawn(range(400)):
            (mine, keyring), (other, _) = random_.sample(made, 2)
            mixed: State = dict(mine)
            for _ in range(random_.choice((1, 1, 2, 3))):
                name = random_.choice(sorted(other))
                mixed[random_.choice((name, random_.choice(sorted(mine))))] = other[name]
            for name in random_.sample(sorted(mixed), random_.choice((0, 0, 1))):
                del mixed[name]
            place.lay(mixed, keyring)
            yield "mixed", str(number), place.open

    firing_range.attack(cases()).check(least(400))
