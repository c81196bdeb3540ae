"""Learning whose inputs other processes read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from preforget import PreForgettableClassifier
from preforget.classifier import spread
from preforget.core.errors import DataError, UsageError
from preforget.jobs.executor import Here, Job

from .test_parts import WHO, X, Y, digests, unlearned


class Backwards(Here):
    """Three workers whose results come in the opposite order."""

    workers: ClassVar[int] = 3

    def run(self, jobs: Sequence[Job], context: Any) -> Iterator[tuple[Job, Any]]:
        yield from super().run(jobs[::-1], context)


@pytest.mark.parametrize("executor", [Here(), Backwards()])
def test_the_bits_of_one_process(executor: Here) -> None:
    whole = unlearned().fit(X, Y, subjects=WHO)
    model = spread.fit_over(unlearned(), executor, X, Y, subjects=WHO)
    assert digests(model) == digests(whole)
    assert np.array_equal(model.predict_proba(X), whole.predict_proba(X))
    model.forget_subject("Lee")
    whole.forget_subject("Lee")
    assert digests(model) == digests(whole)


def test_a_worker_of_other_bits_is_refused() -> None:
    class Other(Here):  # a processor that computes other bits can't be had here
        def run(self, jobs: Sequence[Job], context: Any) -> Iterator[tuple[Job, Any]]:
            for job, (_, units) in super().run(jobs, context):
                yield job, ("other", units)

    model = unlearned()
    with pytest.raises(DataError, match="a worker computes other bits"):
        spread.fit_over(model, Other(), X, Y)
    with pytest.raises(ValueError, match="has learned nothing yet"):
        model.predict(X)


def test_engines_that_learn_no_sums() -> None:
    with pytest.raises(UsageError, match="the isolated engine can't learn over several machines"):
        spread.fit_over(PreForgettableClassifier("features", "isolated"), Here(), X, Y)
