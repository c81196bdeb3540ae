from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from preforget.core.errors import IntegrityError
from preforget.store.keyring import open_keyring
from preforget.store.side_key import (
    AUDIT,
    BENCH,
    MARK,
    begin_key,
    destroy_key,
    key_of,
    keys_made_for,
    owner_of,
    passing_key,
)


def test_a_folder_and_its_key(tmp_path: Path) -> None:
    work, keys = tmp_path / "work", open_keyring(tmp_path / "keys")
    work.mkdir()
    assert key_of(work, keys) is None
    key = begin_key(work, keys)
    assert key.owner.startswith("audit-")
    assert key_of(work, open_keyring(tmp_path / "keys")) == key
    assert key_of(work, open_keyring(tmp_path / "others")) is None
    destroy_key(work, keys)
    destroy_key(work, keys)
    assert (key_of(work, keys), keys.models()) == (None, [])


def test_what_is_locked_opens_under_its_name_alone() -> None:
    key, other = passing_key(), passing_key()
    locked = key.lock("a", b"Ada")
    assert b"Ada" not in locked
    assert key.unlock("a", locked) == b"Ada"
    assert [key.unlock("b", locked), other.unlock("a", locked), key.unlock("a", b"Ada")] == [None] * 3
    assert key.unlock("a", locked[:-1]) is None


def test_a_key_is_in_no_repr() -> None:
    key = passing_key()
    assert "key=" not in repr(key)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"key":"audit-1"}',
        b'{"key":7}',
        b'{"key":"0123456789abcdef0123456789abcdef"}',
        b"\xff",
        b"x" * 2**17,
    ],
)
def test_a_mark_that_names_no_such_key_destroys_nothing(tmp_path: Path, content: bytes) -> None:
    keys = open_keyring(tmp_path / "keys")
    model = "0123456789abcdef0123456789abcdef"
    keys.model(model).create(["a" * 32])
    (tmp_path / MARK).write_bytes(content)
    assert owner_of(tmp_path) is None
    destroy_key(tmp_path, keys)
    assert keys.models() == [model]


def test_a_sealed_checkpoint_names_its_key(tmp_path: Path) -> None:
    assert owner_of(tmp_path / f"{'a' * 32}.sealed") == f"learning-{'a' * 32}"
    assert owner_of(tmp_path / "model") is None


def test_a_mark_that_names_another_folder_s_key_destroys_nothing(tmp_path: Path) -> None:
    keys = open_keyring(tmp_path / "keys")
    places = [tmp_path / "one", tmp_path / "two"]
    made = []
    for place in places:
        place.mkdir()
        made.append(begin_key(place, keys))
    shutil.copy(places[1] / MARK, places[0] / MARK)
    with pytest.raises(IntegrityError, match="were made for another place"):
        destroy_key(places[0], keys)
    assert [keys_made_for(place, keys, AUDIT) for place in places] == [[key] for key in made]
    assert keys_made_for(places[0], keys, BENCH) == []
