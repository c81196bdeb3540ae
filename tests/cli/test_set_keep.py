"""`set-keep` writes one number, with one row in the ledger; the backbone is not needed."""

from __future__ import annotations

from pathlib import Path

from preforget.classifier import PreForgettableClassifier
from preforget.store import ModelFolder

from .conftest import Terminal


def test_a_share_is_written_down(model: Path, pets: Path, terminal: Terminal) -> None:
    before = ModelFolder.open(model)
    rows = len(list(before.ledger.entries()))
    done = terminal("set-keep", model, "0.6", "--json")
    assert done.json == {"model": str(model), "keep": 0.6, "before": 0.95}
    after = ModelFolder.open(model)
    assert [row.event for row in after.ledger.entries()][rows:] == ["keep"]
    assert after.manifest.keep == 0.6
    assert after.manifest.records == before.manifest.records
    loaded = PreForgettableClassifier.from_pretrained(model)
    assert loaded.keep == 0.6
    assert loaded.engine_.threshold(0.6) > loaded.engine_.threshold(0.95)
    assert terminal("set-keep", model, "0.6").out.startswith("keep  0.6 of known")
    assert len(list(ModelFolder.open(model).ledger.entries())) == rows + 1
    for wrong in ("0", "1", "95", "some"):
        assert terminal("set-keep", model, wrong).code == 2
