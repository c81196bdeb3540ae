"""What of records' files can be seen without a key: nothing in order or size names anybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from preforget.records import ClassRecord
from preforget.store import ModelFolder

from .conftest import MakeFolder, make_record


def stats(folder: ModelFolder) -> dict[str, tuple[int, int]]:
    return {p.stem: (p.stat().st_mtime_ns, p.stat().st_size) for p in (folder.path / "records").iterdir()}


@pytest.mark.parametrize("sealed", [False, True])
def test_files_and_rows_are_in_the_order_of_random_ids(make_folder: MakeFolder, sealed: bool) -> None:
    folder = make_folder("a", "b", "c", "d", "e", "f with a long name " * 5)
    if sealed:
        folder.seal()
    folder.change(add=[make_record(label) for label in "uvwxyz"])
    for row in folder.ledger.entries():
        listed = [record["id"] for record in row.data["records"]]
        assert listed == sorted(listed)
        seen = stats(folder)
        assert [seen[i] for i in listed] == sorted(seen[i] for i in listed)
    sizes = {size for _, size in stats(folder).values()}
    assert len(sizes) == 1
    assert sizes.pop().bit_count() == 1


def test_a_change_lists_what_it_begins_in_the_order_of_ids(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, lists = make_folder("a"), []

    def noted(path: Path, *args: object) -> list[object]:
        lists.append(folder.manifest.erasing)
        raise OSError("the disk is full")

    monkeypatch.setattr(folder, "write_records", noted)
    records: list[ClassRecord] = [make_record(label) for label in "uvwxyz"]
    with pytest.raises(OSError, match="full"):
        folder.change(add=records)
    assert lists == [sorted(f"records/{record.id}.safetensors" for record in records)]


@pytest.mark.parametrize("sealed", [False, True])
def test_records_of_a_sealed_model_need_no_search_once_they_were_read(
    make_folder: MakeFolder, sealed: bool
) -> None:
    """Of a plain model they do: the same input, learned for two classes, lies in both of their files."""
    folder = make_folder("a", "b", "c")
    if sealed:
        folder.seal()
    assert folder.unsearched() == {}  # written here
    folder = ModelFolder.open(folder.path, folder.keyring_place)
    while len(folder.unsearched()) < 3 and sealed:
        folder.read_unread()
    names = folder.live_names() if sealed else []
    assert sorted(folder.unsearched()) == sorted(names)
    if sealed:
        (folder.path / names[0]).write_bytes(b"other bytes")
        assert sorted(folder.unsearched()) == sorted(names[1:])
        folder.read_unread()  # it says nothing of a damaged file, which is searched
        assert sorted(folder.unsearched()) == sorted(names[1:])
        folder.manifest.records.pop(Path(names[2]).stem)  # gone from the model, and still there as a file
        assert folder.unsearched().keys() == {names[1]}
