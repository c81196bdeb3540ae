"""Hostile model folders: opening them and reading their records gives only our errors, and touches nothing else."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from preforget.core.canonical import canonical_digest, canonical_json
from preforget.core.hashing import bytes_digest, value_digest
from preforget.store.keyring import open_keyring
from preforget.store.layout import INTENT, LEDGER, SHARED
from preforget.store.ledger import Ledger
from preforget.store.ledger_sqlite import SqliteLedger
from preforget.store.manifest import NAME, UNSTATED
from preforget.store.sealing import seal

from .conftest import Case, Range
from .draw import drawn, least
from .mutate import NAMES, NUMBERS, VALUES, mutate_bytes, mutate_json, nested
from .place import Place, State, known, manifest_file, values_of


@pytest.fixture
def place(firing_range: Range) -> Place:
    return Place(firing_range)


@pytest.mark.slow
def test_bytes_of_any_file(firing_range: Range, place: Place) -> None:
    made = [
        place.make(kind) for kind in ("plain", "sealed", "plain erased", "sealed erasing", "plain announced")
    ]
    random_ = random.Random(11)

    def cases() -> Iterator[Case]:
        for number in drawn(range(2500)):
            state, keyring = made[random_.choice((0, 0, 0, 1, 2, 3, 4))]
            name, other = random_.choice(sorted(state)), random_.choice(sorted(state))
            place.lay({**state, name: mutate_bytes(random_, state[name], state[other])}, keyring)
            yield "bytes", f"{name} {number}", place.open
        for number in drawn(range(600)):
            state, keyring = made[random_.choice((1, 3))]
            name = random_.choice(sorted(keyring))
            place.lay(state, {**keyring, name: mutate_bytes(random_, keyring[name])})
            yield "keyring", f"{name} {number}", place.open

    firing_range.attack(cases()).check(least(3100))


@pytest.mark.slow
def test_manifests_with_a_right_checksum(firing_range: Range, place: Place) -> None:
    made = [place.make("plain"), place.make("sealed")]
    random_ = random.Random(12)

    def hostile() -> Iterator[tuple[str, dict[str, Any], State, State]]:
        for number in range(1200):
            state, keyring = made[random_.choice((0, 0, 0, 1))]
            yield str(number), mutate_json(random_, values_of(state)), state, keyring
        state, keyring = made[0]
        values = values_of(state)
        for depth in (100, 300, 450, 480, 490, 900, 2000):
            for value in (nested(depth), nested(depth, {}), {"a": nested(depth)}):
                yield f"depth {depth}", {**values, "options": {"a": value}}, state, keyring
        for number, value in enumerate((*NUMBERS, *VALUES, *NAMES)):
            for field in ("options", "backbone", "copies"):
                yield f"{field} {number}", {**values, field: {**values[field], "id": value}}, state, keyring
            for field in (
                "generation",
                "keep",
                "engine",
                "guarantee",
                "version",
                "model",
                "shared",
                "detached",
            ):
                yield f"{field} {number}", {**values, field: value}, state, keyring
                erasing = {**values, field: value, "erasing": ["records/" + "0" * 32 + ".safetensors"]}
                yield f"{field} {number} with an erasure", erasing, state, keyring

    def cases() -> Iterator[Case]:
        for name, values, state, keyring in drawn(hostile()):
            place.lay(state, keyring)
            with suppress(ValueError, RecursionError):
                place.lay({**state, NAME: manifest_file(values)}, keyring)
                yield "manifest", name, place.open
            place.lay(state, keyring)
            with suppress(Exception):
                changed = known(place, state, values, {"records": []})
                place.lay(changed, keyring)
                yield "manifest that the ledger knows", name, place.open

    firing_range.attack(cases()).check(least(2500))


@pytest.mark.slow
def test_rows_of_the_ledger(firing_range: Range, place: Place) -> None:
    made = [place.make("plain erased"), place.make("sealed erased")]
    random_ = random.Random(13)

    def cases() -> Iterator[Case]:
        for number in drawn(range(700)):
            state, keyring = made[number % 4 == 0]
            place.lay(state, keyring)
            values, ledger = (
                values_of(state),
                Ledger(SqliteLedger(place.path / LEDGER), values_of(state)["model"]),
            )
            entries = list(ledger.entries())
            row = random_.choice(entries)
            data = mutate_json(random_, row.data)
            data = data if isinstance(data, dict) else {"data": data}
            stated = value_digest({n: v for n, v in values.items() if n not in UNSTATED})
            with suppress(ValueError, RecursionError):
                head = ledger.append(row.event, {**data, "state": stated}).head
                content = (place.path / LEDGER).read_bytes()
                values["ledger"] = {**head.as_dict(), "digest": bytes_digest(content)}
                changed = {**state, LEDGER: content}
                place.lay({**changed, NAME: manifest_file(values)} if number % 3 else changed, keyring)
                yield "row", f"{row.event} {number}", place.open

    firing_range.attack(cases()).check(least(500))


@pytest.mark.slow
def test_announced_erasures(firing_range: Range, place: Place) -> None:
    made = [place.make(f"{kind} {when}") for kind in ("plain", "sealed") for when in ("announced", "erasing")]
    random_ = random.Random(14)
    target = os.path.relpath(firing_range.canary / "victim", place.path / "records")

    def hostile(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        record = values["records"][0]
        for name in (*NAMES, target, str(firing_range.canary / "victim")):
            yield f"id {name[:20]!r}", {**values, "records": [{**record, "id": name}]}
            yield f"location {name[:20]!r}", {**values, "records": [{**record, "location": name}]}
            yield f"erasure {name[:20]!r}", {**values, "erasure": name}
        for number in range(250):
            yield f"{number}", mutate_json(random_, values)

    def cases() -> Iterator[Case]:
        for kind, (begun, keyring) in enumerate(made):
            values = json.loads(begun[INTENT])
            del values["checksum"]
            for name, changed in drawn(hostile(values)):
                with suppress(ValueError, RecursionError):
                    content = canonical_json({**changed, "checksum": canonical_digest(changed)})
                    place.lay({**begun, INTENT: content}, keyring)
                    yield "intent", f"{name} {kind}", place.open

    firing_range.attack(cases()).check(least(1000))


@pytest.mark.slow
def test_records_that_the_ledger_knows(firing_range: Range, place: Place) -> None:
    made = [place.make("plain"), place.make("sealed")]
    keys = [None, open_keyring(place.keyring).model(values_of(made[1][0])["model"])]
    plain = {name: content for name, content in made[0][0].items() if name.endswith(".safetensors")}
    random_ = random.Random(15)

    def cases() -> Iterator[Case]:
        for number in drawn(range(900)):
            sealed = int(number % 5 == 0)
            state, keyring = made[sealed]
            place.lay(state, keyring)
            values, content = values_of(state), plain[random_.choice(sorted(plain))]
            content = mutate_bytes(random_, content, plain[SHARED])
            if number % 3 == 0:
                start = 8 + int.from_bytes(content[:8], "little")
                with suppress(ValueError):
                    header = json.dumps(mutate_json(random_, json.loads(content[8:start]))).encode()
                    content = len(header).to_bytes(8, "little") + header + content[start:]
            i = random_.choice(sorted(values["records"]))
            name = f"records/{i}.{'sealed' if sealed else 'safetensors'}"
            if (store := keys[sealed]) is not None:
                content = seal(content, store.get([i])[i], model=values["model"], record=i)
            if number % 7 == 0 and not sealed:
                name, values["shared"] = SHARED, bytes_digest(content)
            else:
                values["records"][i] = bytes_digest(content)
            place.lay({**known(place, state, values, {"records": []}), name: content}, keyring)
            yield "record", f"{name} {number}", place.open

    firing_range.attack(cases()).check(least(900))
