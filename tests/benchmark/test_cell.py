from __future__ import annotations

import time
from dataclasses import replace

import pytest

from preforget.benchmark.cell import cell
from preforget.benchmark.columns import COLUMNS
from preforget.benchmark.context import Context, key_of, stages
from preforget.benchmark.trained_models import facts_of, learning


def test_every_cell_is_there_with_every_measure(done: Context) -> None:
    for task in stages(done)[2]:
        found = done.work().get(*key_of(done, task))
        if task.who == "ridge_head":  # it reads four depths, and this backbone has three
            assert (
                found["failed"]
                == "all 2 configurations failed: levels is 4, but the backbone has only 3 blocks"
            )
            continue
        assert found["values"].keys() == COLUMNS.keys(), task
        if task.who in ("exact", "drop_row"):
            assert found["values"]["fa"] == 0
        if task.who in ("exact", "retrain"):
            assert found["values"]["gap"] == 0
        assert "/" not in str(found["machine"]).replace("n/a", "")


def test_cells_change_nothing_that_others_use(done: Context) -> None:
    tasks = [task for task in stages(done)[2] if not task.seed and task.who != "ridge_head"]
    before = [done.work().get(*key_of(done, task))["measured"] for task in tasks]
    again = [cell(done, task)["measured"] for task in reversed(tasks)]
    assert again[::-1] == before


@pytest.mark.parametrize("who", ["exact", "drop_row"])
def test_seconds_are_of_forgetting_alone(done: Context, who: str) -> None:
    task = next(task for task in stages(done)[2] if task.who == who)
    begun = time.perf_counter()
    values = cell(replace(done), task)["values"]
    assert 0 < values["forget_seconds"] < time.perf_counter() - begun
    assert values["learn_seconds"] == facts_of(done, learning(done, task.data, who, (), task.seed))["seconds"]
