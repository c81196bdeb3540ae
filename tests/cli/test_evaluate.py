"""`evaluate` prints what the model says of itself, and what it should not know."""

from __future__ import annotations

import csv
from pathlib import Path

from preforget.classifier import PreForgettableClassifier
from preforget.data import load_data

from .conftest import Terminal


def test_text_json_csv_and_a_page(model: Path, pets: Path, terminal: Terminal, tmp_path: Path) -> None:
    assert terminal("forget", model, "dog", "--yes").code == 0
    page = tmp_path / "page.html"
    done = terminal("evaluate", model, pets, "--html", page)
    assert (done.code, done.err.splitlines()[1:]) == (0, [])
    assert done.err.startswith("read train 42 (3 classes of 14 to 14)")
    loaded = PreForgettableClassifier.from_pretrained(model)
    found = loaded.evaluate(load_data(pets, seed=loaded.engine_.config.seed).test)
    assert found.accuracy is not None
    assert done.out.startswith(f"accuracy   {found.accuracy:.1%}".replace("%", " %"))
    assert "not known; abstained" in done.out
    assert "Evaluation of" in page.read_text(encoding="utf-8")
    assert terminal("evaluate", model, pets, "--html", page).code == 2
    values = terminal("evaluate", model, pets, "--json").json
    assert values["accuracy"] == found.accuracy
    assert [one["label"] for one in values["unknown"]] == ["dog"]
    rows = list(csv.DictReader(terminal("evaluate", model, pets, "--csv").out.splitlines()))
    assert [(row["class"], row["known"]) for row in rows] == [("cat", "yes"), ("owl", "yes"), ("dog", "no")]
    assert terminal("evaluate", model, pets, "--csv", "--json").code == 2
    tabs = terminal("evaluate", model, pets, "--format", "tsv", "--shortlist", "2").out.splitlines()
    assert [line.split("\t")[0] for line in tabs] == ["class", *(row["class"] for row in rows)]
    assert terminal("evaluate", model, pets, "--format", "json").json == values


def test_another_part_and_another_share(learned: Path, pets: Path, terminal: Terminal) -> None:
    high, low = (
        terminal("evaluate", learned, pets, "--part", "train", "--keep", keep, "--json").json
        for keep in ("0.99", "0.5")
    )
    assert high["inputs"] == len(load_data(pets).train)
    assert (high["keep"], low["keep"]) == (0.99, 0.5)
    assert high["abstained"] < low["abstained"]
