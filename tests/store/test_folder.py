from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from preforget.core.errors import StoreError, UnknownLabelError
from preforget.store import Manifest, ModelFolder
from preforget.store.layout import LEDGER, RECORDS, SHARED, check_free, record_name
from preforget.store.manifest import NAME
from preforget.store.tensors import record_to_bytes

from .conftest import MakeFolder, make_record, manifest, traces

LABELS = ["Ada Lovelace", "Grace Hopper", "Mary Somerville"]


def opened(path: Path) -> dict[str, str]:
    """Open a folder strictly, read everything, and return label to id."""
    folder = ModelFolder.open(path)
    folder.shared()
    return {record.label: record.id for record in folder.records()}


def record_path(folder: Path, record_id: str) -> Path:
    return folder / record_name(record_id, False)


def files(path: Path) -> set[str]:
    return {p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()}


# creating


def test_there_and_back(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS, shared=True)
    assert list(opened(folder.path)) != []
    back = ModelFolder.open(folder.path)
    assert back.manifest == folder.manifest
    assert sorted(record.label for record in back.records()) == sorted(LABELS)
    assert back.shared().keys() == {"adapter"}
    assert files(folder.path) == {NAME, LEDGER, SHARED} | {
        f"{RECORDS}/{i}.safetensors" for i in folder.manifest.records
    }


def test_tensors_come_back_bit_for_bit(tmp_path: Path) -> None:
    record = make_record("a", slot=5)
    folder = ModelFolder.create(tmp_path / "m", manifest(), [record], {})
    (back,) = folder.records()
    assert (back.label, back.slot, back.id) == ("a", 5, record.id)
    assert all(torch.equal(back.tensors[name], record.tensors[name]) for name in record.tensors)


def test_labels_are_found_each_once_and_in_order(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    found = folder.find([LABELS[2], LABELS[0], LABELS[2]])
    ids = {label: [record.id for record in own] for label, own in found.items()}
    assert list(ids.items()) == [(label, [opened(folder.path)[label]]) for label in (LABELS[2], LABELS[0])]
    with pytest.raises(UnknownLabelError, match="no class 'Ada'"):
        folder.find([LABELS[1], "Ada"])


def test_what_a_killed_creation_left_is_gone_after_the_next(tmp_path: Path) -> None:
    left = tmp_path / ".m.unfinished" / RECORDS
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"a record")
    ModelFolder.create(tmp_path / "m", manifest(), [make_record("a")], {})
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_no_name_and_no_manifest_holds_a_label(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS, shared=True)
    for path in folder.path.rglob("*"):
        for label in LABELS:
            assert label not in path.name
            if path.is_file() and path.parent.name != RECORDS:
                assert label.encode() not in path.read_bytes()


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    ModelFolder.create(tmp_path / "m", manifest(), [make_record("a")], {})
    assert opened(tmp_path / "m").keys() == {"a"}


def test_parents_are_made(tmp_path: Path) -> None:
    ModelFolder.create(tmp_path / "a" / "b" / "m", manifest(), [], {})
    assert opened(tmp_path / "a" / "b" / "m") == {}


@pytest.mark.parametrize("what", ["file", "full folder", "link"])
def test_a_place_that_is_taken(tmp_path: Path, what: str) -> None:
    place = tmp_path / "m"
    if what == "file":
        place.write_bytes(b"mine")
    elif what == "full folder":
        place.mkdir()
        (place / "mine").write_bytes(b"mine")
    else:
        place.symlink_to(tmp_path / "elsewhere")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(StoreError, match="choose another place for the model"):
        check_free(place)
    with pytest.raises(StoreError, match="choose another place for the model"):
        ModelFolder.create(place, manifest(), [make_record("a")], {})
    assert sorted(tmp_path.rglob("*")) == before


def test_a_parent_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="can't be written: Not a directory"):
        ModelFolder.create(tmp_path / "file" / "m", manifest(), [], {})


# strictness


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "bit flipped": flip,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-4]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "renamed": lambda path: path.rename(path.with_name("0" * 32 + ".safetensors")),
    "moved up": lambda path: path.rename(path.parent.parent / path.name),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a second file": lambda path: path.with_name("0" * 32 + ".safetensors").write_bytes(path.read_bytes()),
    "initialised anew": lambda path: path.write_bytes(record_to_bytes(make_record(LABELS[0]))),
    "resized": lambda path: path.write_bytes(record_to_bytes(make_record(LABELS[0], size=41))),
    "an editor's copy": lambda path: path.with_suffix(".bak").write_bytes(path.read_bytes()),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("which", ["record", "shared"])
def test_any_other_file_is_refused(make_folder: MakeFolder, which: str, damage: str) -> None:
    folder = make_folder(*LABELS, shared=True)
    path = (
        record_path(folder.path, next(iter(folder.manifest.records)))
        if which == "record"
        else folder.path / SHARED
    )
    DAMAGES[damage](path)
    with pytest.raises(StoreError, match=str(folder.path)):
        opened(folder.path)


def test_two_records_in_each_other_s_place(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    one, two = (record_path(folder.path, i) for i in list(folder.manifest.records)[:2])
    aside = one.with_name("aside")
    one.rename(aside)
    two.rename(one)
    aside.rename(two)
    with pytest.raises(StoreError, match="its digest differs"):
        opened(folder.path)


def test_a_hidden_extra_file_is_refused(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    (folder.path / ".DS_Store").write_bytes(b"")
    with pytest.raises(StoreError, match=r"holds a file that is not the model's: \.DS_Store; move it away"):
        ModelFolder.open(folder.path)


# changes


def test_erasing_leaves_no_trace(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS, shared=True)
    records = {record.label: record for record in folder.records()}
    gone = records[LABELS[1]]
    assert traces(folder.path, gone) != []
    folder.change(erase=[gone.id])
    assert traces(folder.path, gone) == []
    assert opened(folder.path).keys() == {LABELS[0], LABELS[2]}
    assert ModelFolder.open(folder.path).manifest.erasing == []


def test_the_search_for_traces_finds_part_of_a_tensor(make_folder: MakeFolder, tmp_path: Path) -> None:
    record = make_record("Somebody")
    content = record.tensors["prompt"].numpy().tobytes()
    for hidden in (b"xx" + content[44:80], b"Somebody"):
        (tmp_path / "file").write_bytes(hidden)
        assert traces(tmp_path, record) != []
    (tmp_path / "file").write_bytes(content[44:70])
    assert traces(tmp_path, record) == []


def test_adding_and_detaching_are_written_at_once(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    record = make_record("Emmy Noether", slot=3)
    folder.change(add=[record])
    folder.set_detached([record.id])
    assert opened(folder.path)["Emmy Noether"] == record.id
    assert Manifest.read(folder.path).detached == [record.id]
    folder.change(erase=[record.id])
    assert Manifest.read(folder.path).detached == []
    assert traces(folder.path, record) == []


def test_every_change_raises_the_generation(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    seen = [folder.manifest.generation]
    for change in (
        lambda: folder.change(add=[make_record("new", 3)]),
        lambda: folder.set_detached([]),
        lambda: folder.change(erase=[next(iter(folder.manifest.records))]),
    ):
        change()
        seen.append(Manifest.read(folder.path).generation)
    assert seen == sorted(set(seen))


def test_an_unknown_record_can_not_be_erased(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    before = folder.manifest
    with pytest.raises(StoreError, match="has no record 0000"):
        folder.change(erase=["0" * 32])
    assert Manifest.read(folder.path) == before


def test_a_folder_that_another_process_changed_is_not_overwritten(make_folder: MakeFolder) -> None:
    mine = make_folder(*LABELS)
    theirs = ModelFolder.open(mine.path)
    gone, kept = list(mine.manifest.records)[:2]
    theirs.change(erase=[gone])
    for change in (
        lambda: mine.set_detached([kept]),
        lambda: mine.change(erase=[kept]),
        lambda: mine.change(add=[make_record("new", 3)]),
    ):
        with pytest.raises(StoreError, match="another process has changed it; load the model again"):
            change()
    assert set(opened(mine.path).values()) == set(mine.manifest.records) - {gone}


def test_the_folder_is_found_from_another_working_directory(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_folder(*LABELS).path
    monkeypatch.chdir(path.parent)
    folder = ModelFolder.open(Path("model"))
    monkeypatch.chdir("/")
    folder.change(erase=[next(iter(folder.manifest.records))])
    assert len(opened(path)) == 2


# crashes


def test_an_erasure_that_a_crash_cut_off_is_ended_at_the_next_opening(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    gone = next(record for record in folder.records() if record.label == LABELS[0])
    left = {i: d for i, d in folder.manifest.records.items() if i != gone.id}
    folder.commit("add", {}, records=left, erasing=[folder.name_of(gone.id)])
    assert traces(folder.path, gone) != []
    assert opened(folder.path).keys() == set(LABELS[1:])
    assert traces(folder.path, gone) == []
    assert opened(folder.path).keys() == set(LABELS[1:])


def test_an_adding_that_a_crash_cut_off_is_taken_back(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    record = make_record("Emmy Noether", slot=3)
    folder._update(erasing=[folder.name_of(record.id)])
    record_path(folder.path, record.id).write_bytes(record_to_bytes(record))
    assert opened(folder.path).keys() == set(LABELS)
    assert traces(folder.path, record) == []


def test_leftovers_of_writes_vanish_at_the_next_opening(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    record = make_record("Emmy Noether")
    for place in (folder.path, folder.path / RECORDS):
        (place / ".writing-abc").write_bytes(record_to_bytes(record))
    opened(folder.path)
    assert traces(folder.path, record) == []


def test_an_erasure_that_can_not_be_ended_says_so_and_is_ended_later(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    gone = next(record for record in folder.records() if record.label == LABELS[0])
    path = record_path(folder.path, gone.id)
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match=r"an erasure in .* has begun but can't be ended"):
        folder.change(erase=[gone.id])
    with pytest.raises(StoreError, match="which is no file of a model; move it away"):
        ModelFolder.open(folder.path)
    path.rmdir()
    assert opened(folder.path).keys() == set(LABELS[1:])


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)  # children only write files
def test_kills_at_random_times_leave_each_class_live_or_gone(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS, size=2000)
    rng = random.Random(0)
    before = {i: record_path(folder.path, i).read_bytes() for i in folder.manifest.records}
    generations = set()
    for _ in range(20):
        # one interpreter, which forks for each kill, since importing torch takes seconds
        child = os.fork()
        if child == 0:
            try:
                churn(folder.path)
            finally:
                os._exit(1)
        wanted = max(generations, default=0) + rng.randrange(1, 4)
        while Manifest.read(folder.path).generation < wanted:
            time.sleep(0.001)  # until it has changed something, however slow the machine is
        time.sleep(rng.uniform(0, 0.02))
        os.kill(child, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
        found = opened(folder.path)
        extra = set(found) - set(LABELS)
        assert set(LABELS) <= set(found)
        assert len(extra) <= 2 * 20  # a kill leaves one record, or the two that replace it
        assert files(folder.path) == {NAME, LEDGER} | {f"{RECORDS}/{i}.safetensors" for i in found.values()}
        assert {i: record_path(folder.path, i).read_bytes() for i in before} == before
        generations.add(Manifest.read(folder.path).generation)
    assert len(generations) == 20


def churn(path: Path) -> None:
    folder = ModelFolder.open(path)
    for number in range(10_000):
        record = make_record(f"passing {os.getpid()} {number}", 9, 2000)
        folder.change(add=[record])
        folder.set_detached([record.id])
        pair = [make_record(f"replacing {os.getpid()} {number} {n}", 9, 2000) for n in range(2)]
        folder.change(add=pair, erase=[record.id])
        folder.change(erase=[r.id for r in pair])


def test_a_replacing_is_one_step(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    old, new = next(r for r in folder.records() if r.label == LABELS[0]), make_record("Emmy Noether", 5)
    generation = folder.manifest.generation
    (written,) = folder.change(add=[new], erase=[old.id])
    assert written["id"] == new.id
    assert opened(folder.path).keys() == {*LABELS[1:], "Emmy Noether"}
    assert traces(folder.path, old) == []
    assert folder.manifest.generation > generation
    before = folder.manifest
    with pytest.raises(StoreError, match="has no record 0000"):
        folder.change(add=[make_record("Ada", 6)], erase=["0" * 32])
    assert Manifest.read(folder.path) == before


def test_a_full_disk_leaves_all_or_nothing(make_folder: MakeFolder, tmp_path: Path) -> None:
    folder = make_folder(*LABELS)
    before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    code = """
import resource, sys
from pathlib import Path
import torch
from preforget.core.errors import StoreError, UnknownLabelError
from preforget.records import ClassRecord
from preforget.store import ModelFolder
path = Path(sys.argv[1])
folder = ModelFolder.open(path)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
big = ClassRecord("Emmy Noether", {"prompt": torch.rand(5000)}, 7)
for change in (
    lambda: folder.change(add=[big]),
    lambda: ModelFolder.create(path.with_name("other"), folder.manifest, [*folder.records(), big], {}),
):
    try: change()
    except StoreError as error: print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 10_000))
for change in (
    lambda: folder.set_detached([]),
    lambda: folder.change(erase=[next(iter(folder.manifest.records))]),
    lambda: folder.change(add=[big]),
):
    try: change()
    except StoreError as error: print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder.path)], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 5, lines
    assert all("can't be written: File too large" in line or "the disk is full" in line for line in lines)
    assert opened(folder.path).keys() == set(LABELS)
    after = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    assert {p: c for p, c in after.items() if p.name != NAME} == {
        p: c for p, c in before.items() if p.name != NAME
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]
