from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from preforget.benchmark.context import Context, stages
from preforget.benchmark.sources import open_source
from preforget.benchmark.trained_models import (
    evaluation_seed,
    facts_of,
    is_learned,
    learn,
    learning,
    model_of,
    reference,
    validation_reference,
)
from preforget.classifier.packing import fill_from_arrays, records_as_arrays


def test_models_come_back_from_the_folder_as_they_were(done: Context) -> None:
    source = open_source(done.matrix.data[0], device="cpu", dtype="float32")
    for who in ("exact", "random_label"):
        task = learning(done, "colours", who, (), 0)
        first = model_of(done, task)
        again = model_of(replace(done), task)  # a context of its own, so that nothing is remembered
        assert again is not first
        assert np.array_equal(again.scores(source.data.test.inputs), first.scores(source.data.test.inputs))
        assert facts_of(done, task)["seconds"] > 0


def test_methods_share_the_ordinary_classifier(done: Context) -> None:
    assert learning(done, "colours", "scrub", ("1",), 0).who == "lora"
    assert learning(done, "colours", "exact", ("1",), 0).who == "exact"


def test_a_learning_is_done_once_it_is_there_with_its_reference(done: Context, tmp_path: Path) -> None:
    context = replace(done, folder=tmp_path)
    task = next(task for task in stages(done)[0] if task.forgotten and task.who == "lora")
    assert not is_learned(context, task)
    model_of(context, task)
    assert not is_learned(context, task)
    learn(context, task)
    assert is_learned(context, task)
    assert reference(context, task) == reference(done, task)
    assert validation_reference(context, task) == validation_reference(done, task)
    assert task.forgotten[0] not in model_of(context, task).labels


def test_arrays_of_an_engine(done: Context) -> None:
    model = model_of(done, learning(done, "colours", "exact", (), 0))
    arrays = records_as_arrays(model.engine_)
    source = open_source(done.matrix.data[0], device="cpu", dtype="float32")
    other = source.engine("exact", {"levels": 1}, 0)
    fill_from_arrays(other, arrays)
    assert records_as_arrays(other).keys() == arrays.keys()
    inputs = source.data.test.inputs
    assert np.array_equal(other.scores(inputs), model.engine_.scores(inputs))


def test_attacks_have_a_seed_of_their_own(done: Context) -> None:
    task = stages(done)[0][0]
    assert evaluation_seed(task) == evaluation_seed(replace(task, who="exact"))
    assert evaluation_seed(task) != evaluation_seed(replace(task, seed=1))
