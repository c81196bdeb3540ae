from __future__ import annotations

import json
from pathlib import Path

import pytest

from preforget.benchmark.bench import bench
from preforget.benchmark.context import Context
from preforget.core.errors import StoreError, UsageError


def test_it_does_what_is_left_and_writes_the_tables(done: Context) -> None:
    results = bench(done.matrix, done.folder, device="cpu")
    assert results.missing == 0
    assert {row.who for row in results.rows} >= {"exact", "retrain"}
    written = {path.name for path in done.folder.glob("results.*")}
    assert written == {f"results.{kind}" for kind in ("json", "csv", "md", "html")}
    assert json.loads((done.folder / "results.json").read_text())["name"] == done.matrix.name


def test_what_can_not_be_run(done: Context, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give a TOML file, or one of: quick, paper"):
        bench("slow", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="can't be written"):
        bench(done.matrix, tmp_path / "file")
