from __future__ import annotations

import csv
import json
import signal
import time
from pathlib import Path

import pytest

from preforget.benchmark.matrix_file import SHIPPED, read_matrix
from preforget.cli.main import main

from ..forked import Forked
from .conftest import Terminal, write_images

MATRIX = """
sets = 1
trials = 1
rows = 20
dtype = "float32"
engines = [{ name = "exact", options = { levels = 1 } }]
methods = ["retrain", "drop_row"]
lora = { epochs = 1, batch_size = 8 }

[[data]]
name = "pets"
backbone = "%s"
image_size = 16
"""
FILES = ["results.csv", "results.html", "results.json", "results.md"]
MACHINE = ("--device", "cpu", "--workers", "1")


@pytest.fixture
def matrix(tmp_path: Path, tiny_vit: Path) -> Path:
    place = tmp_path / "mine.toml"
    place.write_text(MATRIX % tiny_vit)
    return place


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return write_images(tmp_path / "pets", {"cat": 30, "dog": 30, "owl": 30})


def test_a_benchmark_and_its_files(matrix: Path, pets: Path, tmp_path: Path, terminal: Terminal) -> None:
    command = ("bench", matrix, "--data", f"pets={pets}", "--out", tmp_path / "out", *MACHINE)
    refused = terminal(*command, "--only-tables")
    assert refused.code == 2
    assert "no cell of this matrix is done" in refused.err
    estimated = terminal(*command, "--estimate", "--json")
    assert estimated.code == 0, estimated.err
    assert estimated.json["seconds"] > 0
    assert estimated.json["tasks"] == 9  # 2 originals, 2 retrained, 2 searches, 3 cells
    done = terminal(*command, "--no-estimate")
    assert done.code == 0, done.err
    assert "pets, k = 1, exact" in done.out
    assert sorted(path.name for path in (tmp_path / "out").glob("results.*")) == FILES
    rows = list(csv.DictReader((tmp_path / "out" / "results.csv").read_text().splitlines()))
    assert {row["who"] for row in rows} == {"exact", "retrain", "drop_row"}
    exact = {row["column"]: float(row["mean"]) for row in rows if row["who"] == "exact"}
    assert exact["fa"] == 0
    assert exact["gap"] == 0  # bit-identical to its retrain
    again = terminal(*command, "--only-tables", "--json")
    assert again.json["rows"] == json.loads((tmp_path / "out" / "results.json").read_text())["rows"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--data", "pets"), "--data 'pets' must be NAME=PATH"),
        (("--data", "birds=x"), "no data set 'birds'"),
        ((), "'pets' is not the name of a known data set"),
        (("--seeds", "0"), "seeds must be a whole number of at least 1"),
    ],
)
def test_bad_options(matrix: Path, options: tuple[str, ...], said: str, terminal: Terminal) -> None:
    done = terminal("bench", matrix, *options, "--out", matrix.with_name("out"), *MACHINE)
    assert done.code == 2
    assert said in done.err


def test_no_such_matrix(tmp_path: Path, terminal: Terminal) -> None:
    done = terminal("bench", tmp_path / "none.toml")
    assert done.code == 2
    assert "none.toml" in done.err


def test_ctrl_c_says_how_to_go_on(matrix: Path, pets: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ("bench", matrix, "--data", f"pets={pets}", "--out", out, *MACHINE, "--no-estimate")
    child = Forked(lambda: main([str(word) for word in command]))
    while child.poll() is None and not list((out / "results").glob("*.json")):
        time.sleep(0.01)
    child.send(signal.SIGINT)
    assert child.wait() == 130
    assert "repeat the command to go on" in child.said()[1]


def test_shipped_matrices() -> None:
    quick, paper = (read_matrix(SHIPPED[name]) for name in ("quick", "paper"))
    assert [entry.name for entry in quick.data] == ["digits"]
    assert {entry.name for entry in paper.data} >= {"bloodmnist", "dermamnist", "organsmnist", "urbansound8k"}
    assert paper.k == (1, "half", "all but one")
    assert len(quick.methods) == len(paper.methods) == 15
