"""A change of a model folder with packs: all of it or nothing, wherever it is killed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from preforget.store import ModelFolder
from preforget.store.pack import FEWEST

from .conftest import PEOPLE, files, make_unit, opened, subjects


def test_records_leave_their_packs_and_others_stay_as_they_are(packed: ModelFolder) -> None:
    records = {record.subject: record for record in packed.records()}
    contents = {i: packed.read_file(i) for i in packed.live}
    mine = [records[name].id for name in PEOPLE[:2]]
    packed.take_out_of_packs(mine)
    assert {Path(name).stem for name in files(packed, "records")} == set(mine)
    again = opened(packed)
    assert {i: again.read_file(i) for i in again.live} == contents
    again.change(erase=mine)
    assert files(again, "records") == []
    assert subjects(opened(packed)) == PEOPLE[2:]


def test_what_is_erased_in_a_change_leaves_its_pack_and_loses_its_key(packed: ModelFolder) -> None:
    gone = [record.id for record in packed.records() if record.subject in PEOPLE[:3]]
    packed.change(add=[make_unit("Zoe")], erase=gone)
    assert subjects(opened(packed)) == sorted([*PEOPLE[3:], "Zoe"])
    assert len(files(packed, "packs")) == 1
    if packed.keys is not None:
        assert packed.keys.holding(gone) == set()
        assert len(packed.keys.holding(packed.live)) == FEWEST - 2


def take_out(folder: ModelFolder) -> None:
    folder.take_out_of_packs([r.id for r in folder.records() if r.subject in PEOPLE[:2]])


def remove(folder: ModelFolder) -> None:
    folder.change(erase=[r.id for r in folder.records() if r.subject in PEOPLE[:2]])


def add(folder: ModelFolder) -> None:
    folder.change(add=[make_unit(name, "dog") for name in PEOPLE])


def forked(number: int, act: Callable[[], object]) -> bool:
    """Run in a process of its own that dies before its n-th change of the disk; return whether it came to the end."""
    child = os.fork()
    if child == 0:
        left = [number]

        def counted(real: Callable[..., object]) -> Callable[..., object]:
            def call(*args: object, **others: object) -> object:
                left[0] -= 1
                if left[0] < 0:
                    os._exit(9)
                return real(*args, **others)

            return call

        os.fsync = counted(os.fsync)  # type: ignore[assignment]
        for name in ("replace", "unlink"):
            setattr(Path, name, counted(getattr(Path, name)))
        try:
            act()
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("change", [take_out, remove, add])
def test_killed_before_any_write_it_is_as_before_or_after(
    packed: ModelFolder, tmp_path: Path, change: Callable[[ModelFolder], None]
) -> None:
    before, number, ended = subjects(packed), 0, False
    allowed = {"take_out": [before], "remove": [before, before[2:]], "add": [before, sorted(before * 2)]}
    place, ring = tmp_path / "cmodel", tmp_path / "ckeyring"
    while not ended:
        for kind in ("model", "keyring"):
            shutil.rmtree(tmp_path / f"c{kind}", ignore_errors=True)
            if (tmp_path / kind).exists():
                shutil.copytree(tmp_path / kind, tmp_path / f"c{kind}")
        ended = forked(number, lambda: change(ModelFolder.open(place, ring)))
        left = ModelFolder.open(place, ring)
        names = subjects(left)
        assert names in allowed[change.__name__]
        if left.keys is not None:
            assert left.keys.holding(left.live) == set(left.live)
        if change is not add and names == before:
            change(left)
            assert subjects(ModelFolder.open(place, ring)) == allowed[change.__name__][-1]
        number += 6 if number > 3 else 1
    assert number > 8
