"""Sealing a model folder with packs."""

from __future__ import annotations

from preforget.store import ModelFolder
from preforget.store.pack import FEWEST

from .conftest import opened


def test_sealing_keeps_every_record(packed: ModelFolder) -> None:
    if packed.manifest.sealed:
        return
    before = {record.id: record.digest() for record in packed.records()}
    assert packed.seal() == FEWEST
    assert {record.id: record.digest() for record in opened(packed).records()} == before
    assert b"person" not in b"".join(path.read_bytes() for path in (packed.path / "packs").iterdir())
