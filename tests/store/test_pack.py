"""The file of a pack, and who goes into which."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest
import torch

from preforget.core.errors import IntegrityError
from preforget.records import ClassRecord
from preforget.store.pack import (
    FEWEST,
    PACK_BYTES,
    divided,
    ids_in_copy,
    pack_to_bytes,
    slots_in_copy,
    slots_of,
    to_be_packed,
)


def unit(subject: str | None, label: str = "a", size: int = 8) -> ClassRecord:
    return ClassRecord(label, {"features": torch.zeros(size, dtype=torch.int16)}, subject=subject)


def test_slots_come_back_in_the_order_of_ids_and_bytes() -> None:
    slots = {unit(None).id: bytes([n]) * n for n in range(5)}
    read = slots_of(pack_to_bytes(slots), "it")
    assert [*read] == sorted(slots)
    assert {i: bytes(slot) for i, slot in read.items()} == slots


@pytest.mark.parametrize("cut", [1, 20, 40, 80, 100])
def test_a_damaged_pack_is_refused(cut: int) -> None:
    content = pack_to_bytes({unit(None).id: b"x" * 30, unit(None).id: b"y" * 30})
    for damaged in (content[:-cut], content + b"x" * cut, content[cut:]):
        with pytest.raises(IntegrityError, match="it is no pack"):
            slots_of(damaged, "it")


def test_a_pack_with_one_id_twice_is_refused() -> None:
    first, second = unit(None).id, unit(None).id
    content = pack_to_bytes({first: b"x", second: b"y"})
    twice = content.replace(bytes.fromhex(second), bytes.fromhex(first))
    with pytest.raises(IntegrityError):
        slots_of(twice, "it")


def test_few_records_and_those_of_no_person_stay_alone() -> None:
    units = [unit(str(n)) for n in range(FEWEST)]
    assert to_be_packed(units[1:]) == []
    assert to_be_packed([*units, unit(None)]) == units


def test_all_of_a_person_goes_into_one_pack_and_packs_are_of_a_size() -> None:
    people = [str(n) for n in range(200)]
    packs = divided([unit(name, label, 20_000) for name in people for label in "abc"])
    where = {
        (r.subject, r.label): pack for pack, records in packs.items() for r in records
    }  # nobody is there twice
    assert len(where) == 600
    assert all(len({where[name, label] for label in "abc"}) == 1 for name in people)
    sizes = [sum(2**16 for _ in records) for records in packs.values()]
    assert all(PACK_BYTES <= size < PACK_BYTES + 3 * 2**16 for size in sizes[:-1])


def test_which_pack_tells_nothing_of_a_name_or_of_how_many_units_a_person_has() -> None:
    of_first, of_busy = [], []
    for _ in range(60):
        records = [unit(f"{n:03}", size=400_000) for n in range(20)] + [
            unit("007", label, 400_000) for label in "bcdefg"
        ]
        order = [*divided(records).values()]
        count = sum(map(len, order))
        places = {r.subject: index / count for index, r in enumerate(r for pack in order for r in pack)}
        of_first.append(places["000"])
        of_busy.append(places["007"])
    for drawn in (of_first, of_busy):  # uniform: within four standard errors of the middle
        assert abs(statistics.mean(drawn) - 0.5) < 4 * 0.29 / 60**0.5


def test_what_another_folder_holds(tmp_path: Path) -> None:
    mine, other = unit(None).id, unit(None).id
    assert slots_in_copy(tmp_path, [mine]) == {}
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / f"{other}.pack").write_bytes(pack_to_bytes({mine: b"x", other: b"y"}))
    assert slots_in_copy(tmp_path, [mine]) == {mine: [b"x"]}
    assert ids_in_copy(tmp_path) == {mine, other}
