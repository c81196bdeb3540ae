"""Which files need no search: those that were read as their digests say, until somebody writes to them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from preforget.core.errors import IntegrityError
from preforget.core.hashing import bytes_digest
from preforget.store.unchanged import Unchanged

CONTENT = b"some bytes"
DIGEST = bytes_digest(CONTENT)


def old_file(path: Path) -> Path:
    """Write a file whose times say that it is old; the time of its last change can't be set, so wait for that."""
    path.write_bytes(CONTENT)
    os.utime(path, (0, 0))
    return path


def read_settled(unchanged: Unchanged, name: str) -> None:
    """Read a file until it is old enough for every later change to show."""
    while name not in unchanged:
        assert unchanged.read(name, DIGEST) == CONTENT


def test_a_file_counts_until_somebody_writes_to_it(tmp_path: Path) -> None:
    path, unchanged = old_file(tmp_path / "a"), Unchanged(tmp_path)
    assert unchanged.sizes() == {}
    read_settled(unchanged, "a")
    assert unchanged.sizes() == {"a": len(CONTENT)}
    path.write_bytes(CONTENT)  # the same bytes, and yet somebody has written
    assert unchanged.sizes() == {}
    assert "a" not in unchanged
    read_settled(unchanged, "a")
    path.unlink()
    assert unchanged.sizes() == {}


def test_a_young_file_does_not_count(tmp_path: Path) -> None:
    path, unchanged = old_file(tmp_path / "a"), Unchanged(tmp_path)
    os.utime(path, (2**32, 2**32))  # a later change might not show
    unchanged.read("a", DIGEST)
    assert "a" not in unchanged


def test_a_file_that_was_written_here_is_searched_once(tmp_path: Path) -> None:
    unchanged = Unchanged(tmp_path)
    unchanged.note_new("a")
    old_file(tmp_path / "a")
    read_settled(unchanged, "a")
    assert unchanged.sizes() == {}
    unchanged.note_searched()
    assert unchanged.sizes() == {"a": len(CONTENT)}


def test_another_content_is_refused(tmp_path: Path) -> None:
    old_file(tmp_path / "a")
    unchanged = Unchanged(tmp_path)
    with pytest.raises(IntegrityError, match="digest differs"):
        unchanged.read("a", bytes_digest(b"other bytes"))
    with pytest.raises(IntegrityError, match="missing"):
        unchanged.read("b", DIGEST)
    assert unchanged.sizes() == {}
