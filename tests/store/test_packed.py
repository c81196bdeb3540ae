"""A model folder with packs: what lies in them, and packs that were changed."""

from __future__ import annotations

import os

import pytest

from preforget.core.errors import IntegrityError
from preforget.core.file_mark import mark_of
from preforget.store import ModelFolder
from preforget.store.pack import FEWEST

from .conftest import PEOPLE, files, opened, subjects


def test_many_persons_lie_in_packs_that_the_manifest_lists(packed: ModelFolder) -> None:
    assert files(packed, "records") == []
    assert [f"{i}.pack" for i in packed.manifest.packs] == files(packed, "packs")
    assert subjects(opened(packed)) == PEOPLE
    row = next(packed.ledger.entries())
    assert row.data["records"] == []
    assert [pack["count"] for pack in row.data["packs"]] == [FEWEST]
    assert not any(i in (packed.path / "preforget.json").read_text() for i in packed.live)


def test_no_name_lies_in_a_sealed_pack(packed: ModelFolder) -> None:
    content = b"".join(path.read_bytes() for path in (packed.path / "packs").iterdir())
    assert (b"person 07" in content) is not packed.manifest.sealed


def test_a_pack_of_which_nothing_is_left_goes(packed: ModelFolder) -> None:
    packed.change(erase=[*packed.live])
    assert files(packed, "packs") == []
    assert opened(packed).records() == []


def test_a_changed_pack_is_refused(packed: ModelFolder) -> None:
    (path,) = (packed.path / "packs").iterdir()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match="digest differs"):
        opened(packed)


def test_a_missing_and_an_added_pack_are_refused(packed: ModelFolder) -> None:
    (path,) = (packed.path / "packs").iterdir()
    other = path.with_name(f"{'0' * 32}.pack")
    other.write_bytes(path.read_bytes())
    with pytest.raises(IntegrityError, match="not the model's"):
        opened(packed)
    path.rename(other)
    with pytest.raises(IntegrityError, match="missing"):
        opened(packed)


def test_packs_that_were_read_need_no_search_until_somebody_writes_to_them(packed: ModelFolder) -> None:
    (path,) = (packed.path / "packs").iterdir()
    os.utime(path, (2**32, 2**32))
    again = opened(packed)
    assert again.unsearched() == {}  # not older than now, so that a change might not show
    os.utime(path, (0, 0))
    while not mark_of(path).is_settled():  # type: ignore[union-attr]
        pass
    again = opened(packed)
    assert again.unsearched() == {f"packs/{path.name}": path.stat().st_size}
    os.utime(path, (1, 1))
    assert again.unsearched() == {}


def test_packs_that_were_written_here_are_searched_once(packed: ModelFolder) -> None:
    packed.change(erase=[record.id for record in packed.records() if record.subject == PEOPLE[0]])
    (path,) = (packed.path / "packs").iterdir()
    while not mark_of(path).is_settled():  # type: ignore[union-attr]
        pass
    packed.records()
    assert packed.unsearched() == {}
    packed.note_searched()
    assert [*packed.unsearched()] == [f"packs/{path.name}"]
