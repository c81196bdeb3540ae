from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

from preforget.benchmark.columns import COLUMNS
from preforget.benchmark.headlines import Grid, Summary
from preforget.benchmark.writers import to_csv, to_json, to_markdown

from .examples import results, row

FAILED = replace(row("un_sir"), cells=0, values={}, failed=("100 % of & nothing",), missing=2)
RESULTS = results(row("exact", engine=True, spread=0.01), row("drop_row"), FAILED)

GRID = Grid("In short", ("", "exact"), (("speed", "0.5"),))


def test_csv_reads_back() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(RESULTS))))
    assert len(rows) == 2 * len(COLUMNS)
    own = next(one for one in rows if (one["who"], one["column"]) == ("exact", "ra"))
    assert (float(own["mean"]), float(own["low"]), float(own["retrain_mean"])) == (0.9, 0.89, 0.91)


def test_json_reads_back() -> None:
    found = json.loads(to_json(RESULTS))
    assert [one["who"] for one in found["rows"]] == ["exact", "drop_row", "un_sir"]
    assert found["rows"][0]["values"]["ra"]["high"] == 0.91


def test_markdown_is_rectangular_and_says_what_is_lacking() -> None:
    text = to_markdown(RESULTS, Summary(("first", "second"), (GRID,)))
    assert text.startswith("first\n\nsecond\n")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert lines[:3] == ["|  | exact |", "|---|---|", "| speed | 0.5 |"]
    assert {line.count("|") for line in lines[3:]} == {len(COLUMNS) + 2}
    assert "| exact | 0.0 ± 1.0 | 90.0 ± 1.0 | 0.800 ± 0.010 |" in text
    assert "un_sir (2 missing) | 100 % of & nothing |" in text
    assert (
        "1,200 training and 9 test inputs, 3 classes; builtin at 64 px, float32; all 3 sets x 1 seed." in text
    )


def test_markdown_says_what_was_chosen() -> None:
    settings = [
        {
            "data": "blobs",
            "who": "scrub",
            "k": 1,
            "seed": seed,
            "options": {"rate": rate, "epochs": 3},
            "space": space,
        }
        for seed, rate, space in [(0, 1e-4, {"rate": [1e-4, 1e-3]}), (1, 1e-3, {"rate": [1e-4, 1e-3]})]
    ]
    settings.append({"data": "blobs", "who": "exact", "k": 1, "seed": 0, "options": {"levels": 1}})
    text = to_markdown(replace(RESULTS, settings=settings), Summary((), ()))
    assert text.endswith("\nChosen on validation data: scrub: rate 0.0001 or rate 0.001.\n")
    assert "Chosen" not in to_markdown(RESULTS, Summary((), ()))
