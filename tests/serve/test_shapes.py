from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from preforget.classifier.answering import Answers
from preforget.core.errors import StoreError
from preforget.serve import shapes
from preforget.serve.membership import Standing
from preforget.serve.shapes import Respond, equal_sizes

SOME = Standing(1, "some")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no size be left out because the machine is busy."""
    monkeypatch.setattr(shapes, "LONGEST", 3600.0)


def draw(count: int) -> Any:
    return np.arange(count, dtype=np.float32)[:, None]


def machine(*other: int, standings: Any = None) -> Respond:
    """Return a model that rounds otherwise in batches of some sizes."""

    def respond(inputs: Any, without: tuple[str, ...]) -> tuple[Standing, Answers]:
        numbers = np.float32(inputs[:, 0]) + np.float32(1e-3 if len(inputs) in other else 0)
        answers = np.full(len(inputs), "a", dtype=object)
        standing = SOME if standings is None else next(standings)
        return standing, Answers(["a"], answers, numbers[:, None], numbers, numbers, numbers)

    return respond


@pytest.mark.parametrize(
    ("other", "sizes"),
    [
        ((), (1, 8, 32)),
        ((1,), (2, 8, 32)),
        ((1, 2), (4, 8, 32)),
        ((1, 2, 4, 32), (8,)),
        ((8,), (8,)),
        ((32,), (1, 8)),
    ],
)
def test_the_smallest_and_the_large_size_with_the_same_bits(
    other: tuple[int, ...], sizes: tuple[int, ...]
) -> None:
    assert equal_sizes(machine(*other), draw, 8) == (SOME, sizes)


def test_one_row_has_nothing_smaller() -> None:
    assert equal_sizes(machine(), draw, 1) == (SOME, (1, 4))


def test_a_model_that_changes_meanwhile_or_cant_answer_or_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    standings = iter([SOME] * 2 + [Standing(2, "")] * 50)
    assert equal_sizes(machine(standings=standings), draw, 8) == (SOME, (8,))
    monkeypatch.setattr(shapes, "LONGEST", 0)
    assert equal_sizes(machine(), draw, 8) == (SOME, (8,))

    def fails(inputs: Any, without: tuple[str, ...]) -> tuple[Standing, Answers]:
        raise StoreError("gone")

    assert equal_sizes(fails, draw, 8) is None
