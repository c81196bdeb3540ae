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
    assert done.json == {"model": str(model), "keep": 0.6, "keep_by_class": {}, "before": 0.95}
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


def test_a_share_of_one_class_goes_with_it(model: Path, terminal: Terminal) -> None:
    done = terminal("set-keep", model, "0.9", "dog=0.5", "cat=0.7", "--json")
    assert done.json["keep_by_class"] == {"dog": 0.5, "cat": 0.7}
    assert "2 classes have shares of their own" in terminal("info", model).out
    assert terminal("set-keep", model, "dog=0.6", "--json").json["keep_by_class"] == {"dog": 0.6, "cat": 0.7}
    rows = [row.data for row in ModelFolder.open(model).ledger.entries() if row.event == "keep"]
    assert [len(row["records"]) for row in rows] == [2, 2]
    assert "dog" not in (model / "preforget.json").read_text() + str(rows)
    loaded = PreForgettableClassifier.from_pretrained(model)
    assert loaded.keep_.of("owl") == 0.9
    assert loaded.keep_.of("dog") == 0.6
    assert terminal("forget", model, "dog", "--yes").code == 0
    left = ModelFolder.open(model).manifest
    assert list(left.keeps.values()) == [0.7]
    assert set(left.keeps) <= set(left.records)
    assert PreForgettableClassifier.from_pretrained(model).keep_.classes == {"cat": 0.7}
    assert terminal("set-keep", model, "dog=0.6").code == 5
    assert terminal("set-keep", model, "0.95", "--json").json["keep_by_class"] == {}
