"""An audit from end to end on small models: learning, attacking, judging, going on, and leaving the model as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preforget.audit.report.page import page
from preforget.audit.result import AuditResult
from preforget.audit.run import audit
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import DataError, UnknownLabelError, UsageError
from preforget.data import Dataset, Split
from preforget.jobs.executor import Here, Job

from .conftest import Make
from .heads import NAMES, patterned

ATTACKS = ["mixed_stream", "membership", "neighbours", "leftovers", "cost"]


@pytest.fixture(scope="module")
def data() -> Dataset:
    return Dataset("patterns", patterned(20), patterned(6, 1), patterned(14, 2), NAMES, "made up")


@pytest.fixture
def model(make: Make, data: Dataset, tiny_vit: Path) -> PreForgettableClassifier:
    made = PreForgettableClassifier(str(tiny_vit), "exact", 32, device="cpu", dtype="float32", levels=2)
    return made.fit(data.train, validation=data.validation)


class Counting(Here):
    """Keeps the names of jobs that were run."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def run(self, jobs: Sequence[Job], context: Any) -> Iterator[tuple[Job, Any]]:
        for job, result in super().run(jobs, context):
            self.done.append(job.name)
            yield job, result


def values(result: AuditResult, attack: str, key: str) -> tuple[Any, Any, Any, str]:
    (found,) = [one for one in result.measures if (one.attack, one.key) == (attack, key)]
    return found.original, found.unlearned, found.retrain, found.verdict


def test_the_exact_engine_passes_and_nothing_happens_to_the_model(
    model: PreForgettableClassifier, data: Dataset, tmp_path: Path
) -> None:
    before = [record.digest() for record in model.engine_.records()]
    result = audit(model, data, "cat", seeds=2, work=tmp_path, attacks=ATTACKS, executor=Here())
    judged = [one for one in result.measures if one.verdict != "shown"]
    assert len(judged) > 15
    assert {one.verdict for one in judged} == {"equivalent"}
    assert {one.gap for one in judged} == {0.0}
    assert (result.passed, result.missed, result.undecided) == (True, [], [])
    assert (result.forgotten, result.seeds, result.suite) == (["cat"], [0, 1], "quick")
    original, unlearned, retrain, _ = values(result, "mixed_stream", "forget accuracy")
    assert min(original) > 0.3
    assert unlearned == retrain == [0.0, 0.0]
    assert [record.digest() for record in model.engine_.records()] == before
    assert "cat" in model.labels
    assert AuditResult.from_dict(result.as_dict()) == result


def test_it_goes_on_where_it_was(model: PreForgettableClassifier, data: Dataset, tmp_path: Path) -> None:
    class Stop(Exception):  # noqa: N818 (no error: someone presses Ctrl-C)
        """Stands for an interruption."""

    class Interrupted(Counting):
        def run(self, jobs: Sequence[Job], context: Any) -> Iterator[tuple[Job, Any]]:
            for one in super().run(jobs, context):
                if len(self.done) == 7:
                    raise Stop
                yield one

    asked = {"seeds": 2, "work": tmp_path, "attacks": ATTACKS[:2]}
    first, second, third = Interrupted(), Counting(), Counting()
    with pytest.raises(Stop):
        audit(model, data, "cat", executor=first, **asked)
    result = audit(model, data, "cat", executor=second, **asked)
    again = audit(model, data, "cat", executor=third, **asked)
    assert len(first.done) == 7
    assert len(second.done) == 3 + 8 + 12 - 7
    assert third.done == []
    assert again.measures == result.measures
    fourth = Counting()
    audit(model, data, "cat", executor=fourth, suite="standard", **asked)
    assert not [name for name in fourth.done if "learning" in name]  # models are the same, whatever the suite
    other = audit(model, data, "dog", executor=third, **asked)
    assert third.done
    assert other.forgotten == ["dog"]


def test_a_class_that_is_forgotten_already(
    model: PreForgettableClassifier, data: Dataset, tmp_path: Path
) -> None:
    whole = audit(model, data, "cat", seeds=2, work=tmp_path / "1", attacks=ATTACKS[:1], executor=Here())
    model.forget("cat")
    after = audit(model, data, "cat", seeds=2, work=tmp_path / "2", attacks=ATTACKS[:1], executor=Here())
    assert [one.unlearned for one in after.measures] == [one.unlearned for one in whole.measures]
    assert [one.original for one in after.measures] == [one.original for one in whole.measures]


def test_several_classes_at_once(model: PreForgettableClassifier, data: Dataset, tmp_path: Path) -> None:
    result = audit(model, data, ["dog", "cat"], seeds=1, work=tmp_path, attacks=ATTACKS[:1], executor=Here())
    assert result.forgotten == ["cat", "dog"]
    original, unlearned, retrain, verdict = values(result, "mixed_stream", "false accept")
    assert original == [0.0]
    assert unlearned == retrain
    assert verdict == "undecided"  # one seed decides nothing


def test_shadow_models(model: PreForgettableClassifier, data: Dataset, tmp_path: Path) -> None:
    result = audit(
        model, data, "cat", seeds=1, work=tmp_path, attacks=ATTACKS[:1], shadows=5, executor=Here()
    )
    _, unlearned, retrain, verdict = values(result, "lira", "auc")
    assert len(unlearned) == len(retrain) == 5
    assert verdict in ("equivalent", "undecided")


def test_shadow_models_alone(model: PreForgettableClassifier, data: Dataset, tmp_path: Path) -> None:
    result = audit(model, data, "cat", seeds=1, work=tmp_path, attacks=["lira"], shadows=4, executor=Here())
    assert {one.attack for one in result.measures} == {"lira"}
    assert "Shadow models" in page(result)


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"forget": "cow"}, DataError, "no input of class 'cow'"),
        ({"forget": []}, UsageError, "name at least one class"),
        ({"forget": ["ant", "bee", "cat", "dog"]}, UsageError, "at least two classes must stay"),
        ({"seeds": 0}, UsageError, "seeds must be a whole number of at least 1, got 0"),
    ],
)
def test_what_can_not_be_audited(
    model: PreForgettableClassifier,
    data: Dataset,
    tmp_path: Path,
    asked: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    given = {"forget": "cat", "work": tmp_path, "executor": Here(), **asked}
    with pytest.raises(error, match=message):
        audit(model, data, **given)


def test_some_known_and_some_forgotten(
    model: PreForgettableClassifier, data: Dataset, tmp_path: Path
) -> None:
    model.forget("cat")
    with pytest.raises(UnknownLabelError, match="'cat'"):
        audit(model, data, ["cat", "dog"], work=tmp_path, executor=Here())


def test_data_without_a_test_part(model: PreForgettableClassifier, data: Dataset, tmp_path: Path) -> None:
    short = Dataset("short", data.train, data.validation, data.test.without("cat"), NAMES, "")
    with pytest.raises(DataError, match="the test part of the data has no input of the classes to forget"):
        audit(model, short, "cat", work=tmp_path, executor=Here())


def test_bare_arrays_get_an_error_that_says_how_they_are_given() -> None:
    X, y = np.random.default_rng(0).normal(size=(60, 3)), np.repeat(["a", "b", "c"], 20)
    vectors = PreForgettableClassifier("features", "exact").fit(X, y)
    part = Split(X, y)
    for bare in ((X, y), X, part, Dataset("d", part, part, part, ("a", "b", "c"), "drawn")):
        with pytest.raises(DataError, match=r"Vectors\(X\)"):
            audit(vectors, bare, "c")  # type: ignore[arg-type]
