"""What was read of a folder holds only as long as it is the folder that was read."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from preforget.core.errors import ChangedError, IntegrityError, StoreError
from preforget.core.files import exclusive
from preforget.store import ModelFolder

from .conftest import MakeFolder


def test_a_folder_that_another_process_changed_is_not_read(make_folder: MakeFolder) -> None:
    mine = make_folder("cat", "dog", shared=True)
    other = ModelFolder.open(mine.path)
    other.change(erase=[record.id for record in other.records() if record.label == "cat"])
    for read in (mine.records, mine.shared, lambda: mine.find(["dog"])):
        with pytest.raises(ChangedError, match="load the model again") as info:
            read()
        assert not isinstance(info.value, IntegrityError)
        assert "restore" not in str(info.value)
    assert [record.label for record in other.records()] == ["dog"]


def test_a_record_that_is_lost_is_not_to_be_put_back_alone(make_folder: MakeFolder) -> None:
    folder = make_folder("cat", "dog")
    next((folder.path / "records").iterdir()).unlink()
    for read in (folder.records, lambda: ModelFolder.open(folder.path)):
        with pytest.raises(
            IntegrityError, match=r"is missing; put a backup of the whole folder.*preforget restore"
        ):
            read()


@pytest.mark.parametrize("how", ["moved", "deleted"])
def test_a_folder_that_is_gone(make_folder: MakeFolder, tmp_path: Path, how: str) -> None:
    folder = make_folder("cat")
    folder.path.rename(tmp_path / "elsewhere")
    if how == "deleted":
        folder.path.mkdir()
    for use in (folder.records, folder.check_unchanged, lambda: folder.set_detached([])):
        with pytest.raises(StoreError, match="moved or deleted"):
            use()


def test_reading_waits_for_who_changes(make_folder: MakeFolder) -> None:
    folder, done = make_folder("cat"), threading.Event()
    reader = threading.Thread(target=lambda: (folder.records(), done.set()))
    with exclusive(folder.path):
        reader.start()
        assert not done.wait(0.05)
    reader.join()
    assert done.is_set()
