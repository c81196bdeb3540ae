from __future__ import annotations

from pathlib import Path

import pytest

from preforget.core.errors import StoreError
from preforget.serve.journal import DONE, Forgetting, Journal


def asked(key: str | None = "a random key") -> Forgetting:
    return Forgetting.asked_for(["Ada"], [], ["0" * 32], "r-1", None, "officer", key)


def test_a_request_is_known_again_after_a_kill(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "requests")
    journal.read()
    journal.write(entry := asked())
    after = Journal(tmp_path / "requests")
    after.read()
    assert after.of_key("a random key") == entry
    assert after.of_key("another") is None
    assert after.pending() == [entry]


def test_once_done_the_name_is_nowhere(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "requests")
    journal.read()
    journal.write(entry := asked())
    journal.write(entry.done("1" * 32, 7))
    assert journal.pending() == []
    assert journal.entries[entry.id].status == DONE
    assert not any(b"Ada" in path.read_bytes() for path in (tmp_path / "requests").iterdir())
    assert "Ada" not in repr(entry)


def test_a_damaged_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"{'0' * 32}.json").write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        Journal(tmp_path).read()


def test_a_half_written_file_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".writing-x").write_text("Ada")
    Journal(tmp_path).read()
    assert [*tmp_path.iterdir()] == []
