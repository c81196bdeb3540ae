from __future__ import annotations

import json
from pathlib import Path

import pytest

from preforget.core.errors import StoreError
from preforget.serve.journal import DONE, Forgetting, Journal
from preforget.store.signing import SigningKeys


def journal_in(folder: Path, model: str = "m") -> Journal:
    return Journal(folder, model, SigningKeys(folder.parent / "keys"))


def asked(key: str | None = "a random key") -> Forgetting:
    return Forgetting.asked_for(["Ada"], [], ["0" * 32], "r-1", None, "officer", key)


def test_a_request_is_known_again_after_a_kill(tmp_path: Path) -> None:
    journal = journal_in(tmp_path / "requests")
    journal.read()
    journal.write(entry := asked())
    after = journal_in(tmp_path / "requests")
    after.read()
    assert after.of_key("a random key") == entry
    assert after.of_key("another") is None
    assert after.pending() == [entry]


def test_once_done_the_name_is_nowhere(tmp_path: Path) -> None:
    journal = journal_in(tmp_path / "requests")
    journal.read()
    journal.write(entry := asked())
    journal.write(entry.done("1" * 32, 7))
    assert journal.pending() == []
    assert journal.entries[entry.id].status == DONE
    assert not any(b"Ada" in path.read_bytes() for path in (tmp_path / "requests").iterdir())
    assert "Ada" not in repr(entry)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"request": {}, "signature": ""}', "[" * 10_000])
def test_a_damaged_journal_is_refused(tmp_path: Path, content: str) -> None:
    journal = journal_in(tmp_path / "requests")
    journal.read()
    (journal.folder / f"{'0' * 32}.json").write_text(content)
    with pytest.raises(StoreError, match="damaged"):
        journal.read()


def test_what_a_stranger_puts_there_or_changes_is_refused(tmp_path: Path) -> None:
    journal = journal_in(tmp_path / "requests")
    journal.read()
    journal.write(entry := asked())
    path = journal.folder / f"{entry.id}.json"
    content = path.read_text()
    values = json.loads(content)
    for planted in (
        json.dumps({**values, "request": {**values["request"], "labels": ["Mary"]}}),
        json.dumps({**values, "request": {**values["request"], "status": "done"}}),
        json.dumps(values["request"]),
    ):
        path.write_text(planted)
        with pytest.raises(StoreError, match="not written by a service"):
            journal.read()
    path.write_text(content)
    with pytest.raises(StoreError):
        journal_in(journal.folder, "another model").read()
    (journal.folder / f"{'0' * 32}.json").write_text(content)
    with pytest.raises(StoreError):
        journal.read()


def test_requests_can_be_read_after_the_key_was_rotated(tmp_path: Path) -> None:
    journal = journal_in(tmp_path / "requests")
    journal.read()
    journal.write(entry := asked())
    SigningKeys(tmp_path / "keys").rotate()
    after = journal_in(tmp_path / "requests")
    after.read()
    assert after.pending() == [entry]


def test_a_half_written_file_is_cleared_away(tmp_path: Path) -> None:
    journal = journal_in(tmp_path / "requests")
    journal.read()
    (journal.folder / ".writing-x").write_text("Ada")
    journal.read()
    assert [*journal.folder.iterdir()] == []
