from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from preforget.benchmark.context import Context, begin, key_of, stages
from preforget.benchmark.run import BUSY, THERE, claims, do, is_done, name_of, run, weight
from preforget.jobs.claims import claim
from preforget.jobs.executor import Here

from .conftest import Make

SCRIPT = """
import sys
from pathlib import Path
from preforget.jobs.executor import Here
from preforget.benchmark.context import begin
from preforget.benchmark.matrix_file import read_matrix
from preforget.benchmark.run import run
context = begin(read_matrix(Path(sys.argv[1])), Path(sys.argv[2]), device="cpu")
run(context, Here(), poll=0.05)
"""
TOML = """
engines = [{{ name = "exact", options = {{ levels = 1 }} }}]
methods = ["retrain", "drop_row"]
seeds = [0]
sets = 2
trials = 1
rows = 20
dtype = "float32"
lora = {{ epochs = 2, batch_size = 8 }}
data = [{{ name = "colours", path = "{path}", backbone = "{backbone}", image_size = 16 }}]
"""


@pytest.fixture
def start(tmp_path: Path, colours: Path, tiny_vit: Path) -> Any:
    matrix = tmp_path / "m.toml"
    matrix.write_text(TOML.format(path=colours, backbone=tiny_vit))
    return lambda folder: subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(matrix), str(tmp_path / folder)]
    )


def values(folder: Path) -> dict[str, Any]:
    """Return all results by name, without times."""
    found = {}
    for path in (folder / "results").glob("*.json"):
        one = json.loads(path.read_text())
        found[path.name] = one.get("measured", sorted(one))
    return found


def test_killed_it_goes_on_and_ends_the_same(start: Any, tmp_path: Path) -> None:
    whole = start("whole")
    process = start("killed")
    while process.poll() is None and len(list((tmp_path / "killed" / "results").glob("*.json"))) < 4:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert start("killed").wait(120) == 0
    assert whole.wait(120) == 0
    assert values(tmp_path / "killed") == values(tmp_path / "whole")
    assert list((tmp_path / "killed" / "claims").iterdir()) == []


def test_two_processes_share_the_work(start: Any, tmp_path: Path) -> None:
    both = [start("shared"), start("shared")]
    assert [process.wait(120) for process in both] == [0, 0]
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "shared" / "results").iterdir()}
    assert start("shared").wait(120) == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "shared" / "results").iterdir()} == made


def test_what_is_done_is_not_done_again(done: Context) -> None:
    tasks = [task for tasks in stages(done) for task in tasks]
    assert all(is_done(done, task) for task in tasks)
    assert {do(done, task) for task in tasks} == {THERE}
    assert all(weight(done, task) >= 1 for task in tasks)
    assert len({name_of(done, task) for task in tasks}) == len(tasks)
    run(done, Here())


def test_what_another_does_is_left_to_it(make: Make, tmp_path: Path) -> None:
    context = begin(make(), tmp_path, device="cpu")
    task = stages(context)[0][0]
    with claim(claims(context), name_of(context, task)) as ours:
        assert ours
        assert do(context, task) == BUSY
    assert context.work().get("learned", *key_of(context, task)) is None
