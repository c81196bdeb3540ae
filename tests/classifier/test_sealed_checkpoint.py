from __future__ import annotations

from pathlib import Path

import pytest

from preforget.classifier.sealed_checkpoint import SealedCheckpoint
from preforget.core.errors import StoreError
from preforget.store.keyring import open_keyring


def test_there_and_back_and_gone(tmp_path: Path) -> None:
    keys = open_keyring(tmp_path / "keys")
    one = SealedCheckpoint.new(tmp_path / "m.learning", keys)
    one.begin()
    assert (one.read(), one.path.stat().st_size) == (None, 0)
    one.write(b"Ada")
    one.write(b"Ada and Grace")
    assert b"Ada" not in one.path.read_bytes()
    assert SealedCheckpoint(one.path, open_keyring(tmp_path / "keys")).read() == b"Ada and Grace"
    copy = one.path.read_bytes()
    one.remove()
    assert (one.path.exists(), keys.models()) == (False, [])
    one.path.write_bytes(copy)  # a backup of it
    with pytest.raises(StoreError, match="its key isn't in the keyring"):
        SealedCheckpoint(one.path, keys).read()


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    one = SealedCheckpoint.new(tmp_path, open_keyring(tmp_path / "keys"))
    one.write(b"Ada")
    content = one.path.read_bytes()
    one.path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(StoreError, match="is damaged"):
        one.read()


def test_a_key_whose_file_was_never_written_is_used(tmp_path: Path) -> None:
    keys = open_keyring(tmp_path / "keys")
    one = SealedCheckpoint.new(tmp_path, keys)
    one.begin()
    SealedCheckpoint(one.path, open_keyring(tmp_path / "keys")).write(b"Ada")
    assert one.read() == b"Ada"
    assert len(keys.models()) == 1
