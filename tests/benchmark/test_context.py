from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from preforget.benchmark.context import Context, Task, begin, cases, key_of, recovers, searched, stages

from .conftest import Make


def test_what_is_done_and_in_which_order(done: Context) -> None:
    learn, search, cells = stages(done)
    assert {task.kind for task in learn} == {"learn"}
    assert len(learn) == 2 * 2 + 2 * 2 * 2  # two learners: 2 seeds, then 2 sets x 2 seeds
    assert len(search) == 4 * 4
    assert len(cells) == 5 * 4
    assert len(set(cells)) == len(cells)
    assert len(list(cases(done, "colours"))) == 4


def test_one_search_for_all_if_wanted(make: Make, tmp_path: Path) -> None:
    context = begin(make(sets=2, seeds=[0, 1], search="first"), tmp_path, device="cpu")
    assert len(stages(context)[1]) == 4
    found = {searched(context, task) for task in stages(context)[2] if task.who == "drop_row"}
    assert len(found) == 1


def test_keys_hang_on_what_matters_alone(done: Context, make: Make, tmp_path: Path) -> None:
    task = next(task for task in stages(done)[2] if task.who == "random_label")
    key = key_of(done, task)
    moved = begin(done.matrix, tmp_path / "other", device="cpu", workers=7, cache_dir=tmp_path)
    assert key_of(moved, task) == key
    changes = [
        make(sets=2, seeds=[0, 1], rows=21),
        make(sets=2, seeds=[0, 1], trials=3),
        make(sets=2, seeds=[0, 1], lora={"epochs": 3}),
        make(sets=2, seeds=[0, 1], methods=[{"name": "random_label", "options": {"epochs": 2}}]),
        make(sets=2, seeds=[0, 1], measures=["fa"]),
    ]
    for matrix in changes:
        assert key_of(replace(done, matrix=matrix), task) != key
    assert key_of(done, replace(task, seed=1)) != key
    assert key_of(done, replace(task, forgotten=("9",))) != key
    own = done.matrix.data[0]
    data = make(
        data=[{"name": own.name, "path": own.path, "backbone": own.backbone, "image_size": 16, "train": 20}]
    )
    assert begin(data, tmp_path / "cut", device="cpu").known["colours"].recipe != done.known["colours"].recipe


def test_small_facts(done: Context, make: Make) -> None:
    assert recovers(done.matrix)
    assert not recovers(make(measures=["fa", "ra"]))
    assert done.known["colours"].counts == {"train": 36, "validation": 21, "test": 27}
    assert "/" not in done.known["colours"].backbone  # of a folder only its name
    assert Task("learn", "colours", "lora", (), 0) in stages(done)[0]
