"""Answers and measures that workers find."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from preforget import PreForgettableClassifier
from preforget.classifier import elsewhere
from preforget.jobs.executor import Here, Job
from preforget.jobs.work import Work

from .test_parts import X, Y, unlearned


class Stopped(Here):
    """Does one job, and is then interrupted."""

    def run(self, jobs: Sequence[Job], context: Any) -> Iterator[tuple[Job, Any]]:
        yield from super().run(jobs[:1], context)
        raise KeyboardInterrupt


class Counting(Here):
    """Counts its jobs."""

    def __init__(self) -> None:
        self.jobs = 0

    def run(self, jobs: Sequence[Job], context: Any) -> Iterator[tuple[Job, Any]]:
        self.jobs += len(jobs)
        return super().run(jobs, context)


def test_the_measures_of_one_process_also_after_an_interruption(tmp_path: Path) -> None:
    model, many = unlearned().fit(X, Y), np.tile(X, (15, 1))
    labels = np.tile(Y, 15)
    expected = model.evaluate(many, labels)
    assert elsewhere.evaluate_over(model, Here(), many, labels) == expected
    work = Work(tmp_path / "work")
    with pytest.raises(KeyboardInterrupt):
        elsewhere.evaluate_over(model, Stopped(), many, labels, work=work, digest="a")
    rest, again, other = Counting(), Counting(), Counting()
    assert elsewhere.evaluate_over(model, rest, many, labels, work=work, digest="a") == expected
    elsewhere.evaluate_over(model, again, many, labels, work=work, digest="a")
    elsewhere.evaluate_over(model, other, many, labels, work=work, digest="b")
    assert (rest.jobs, again.jobs, other.jobs) == (2, 0, 3)


def test_files_that_can_not_be_answered_are_told_apart(tmp_path: Path, tiny_vit: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, size=(12, 32, 32, 3), dtype=np.uint8)
    model = PreForgettableClassifier(str(tiny_vit), "exact", levels=1, device="cpu", dtype="float32")
    model.fit(images, np.repeat(["cat", "dog"], 6))
    model.keep = 0.8
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Image.fromarray(images[0]).save(good)
    bad.write_bytes(b"nothing")
    answered = dict(elsewhere.respond_over(model, Here(), [[good, bad], [bad]]))
    files, answers, ((path, _),) = answered[0]
    assert (files, path, answered[1][:2]) == ([good], bad, ([], None))
    expected = model.respond([good])
    assert answers is not None
    for name in ("probabilities", "confidence", "limit", "known"):
        assert np.array_equal(getattr(answers, name), getattr(expected, name))
    elsewhere._MODELS.clear()
