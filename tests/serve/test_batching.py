from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preforget.classifier import PreForgettableClassifier
from preforget.classifier.answering import Answers
from preforget.core.errors import DataError
from preforget.serve import shapes
from preforget.serve.batching import Batches
from preforget.serve.inputs import of_array, of_files
from preforget.serve.membership import Standing
from preforget.serve.problems import Problem
from preforget.serve.settings import Settings
from preforget.serve.shapes import bits

from .conftest import NAMES, ROWS

SOME = Standing(1, "some")


def doubled(inputs: Any, without: tuple[str, ...]) -> tuple[Standing, Answers]:
    """Answer rows by their first number."""
    rows = np.asarray(inputs)
    if (rows < 0).any():
        raise DataError("a negative number")
    answers = np.array([str(row[0]) for row in rows], dtype=object)
    zeros = np.zeros(len(rows), dtype=np.float32)
    return SOME, Answers(["a"], answers, np.zeros((len(rows), 1), np.float32), zeros, zeros, zeros)


def ask(batches: Batches, *requests: Any) -> list[Any]:
    async def all_of_them() -> list[Any]:
        try:
            asked = [batches.answer(of_array("vectors", np.array(r, dtype=np.float32))) for r in requests]
            return await asyncio.gather(*asked, return_exceptions=True)
        finally:
            batches.close()

    return asyncio.run(all_of_them())


def test_every_request_gets_its_own_answers_however_they_are_put_together() -> None:
    sizes: list[int] = []

    def watched(inputs: Any, without: tuple[str, ...]) -> tuple[Standing, Answers]:
        sizes.append(len(inputs))
        return doubled(inputs, without)

    seen: list[tuple[int, int, float]] = []
    requests = [
        [[float(n)] for n in range(start, start + count)] for start, count in ((0, 1), (10, 7), (30, 4))
    ]
    said = ask(Batches(watched, 4, 100, lambda *batch: seen.append(batch)), *requests)
    assert [answers.answers.tolist() for _, answers in said] == [[str(row[0]) for row in r] for r in requests]
    assert set(sizes) == {4}
    assert sum(count for count, _, _ in seen) == 12


def test_one_request_that_cant_be_read_spoils_no_others() -> None:
    said = ask(Batches(doubled, 4, 100), [[1.0]], [[-1.0]], [[2.0]])
    assert [part[1].answers.tolist() for part in (said[0], said[2])] == [["1.0"], ["2.0"]]
    assert isinstance(said[1], DataError)


def test_a_request_whose_batches_had_two_standings_is_answered_anew() -> None:
    standings = iter([1, 2, 2, 2])

    def changing(inputs: Any, without: tuple[str, ...]) -> tuple[Standing, Answers]:
        return Standing(next(standings), ""), doubled(inputs, without)[1]

    [(standing, answers)] = ask(Batches(changing, 2, 100), [[1.0], [2.0], [3.0]])
    assert standing.epoch == 2
    assert len(answers.answers) == 3


def test_too_many_that_wait() -> None:
    said = ask(Batches(doubled, 4, 2), [[1.0], [2.0]], [[3.0]])
    assert isinstance(said[1], Problem)
    assert said[1].status == 503


@pytest.mark.parametrize("rows", [3, 8])
def test_the_bits_of_an_answer_are_the_same_alone_and_beside_others(model: Path, rows: int) -> None:
    classifier = PreForgettableClassifier.from_pretrained(model, device="cpu")

    def respond(inputs: Any, without: tuple[str, ...]) -> tuple[Standing, Answers]:
        return SOME, classifier.respond(inputs, without=without)

    together = ask(Batches(respond, rows, 100), *[[row] for row in ROWS[:10]])
    for row, (_, among) in zip(ROWS, together, strict=False):
        [(_, alone)] = ask(Batches(respond, rows, 100), [row])
        assert among.probabilities.tobytes() == alone.probabilities.tobytes()
        assert among.confidence.tobytes() == alone.confidence.tobytes()


def test_texts_of_many_lengths_have_the_same_bits_alone_and_beside_others() -> None:
    texts = [f"{'so ' * (n % 5)}{name} {n}" for n in range(12) for name in NAMES]
    classifier = PreForgettableClassifier("builtin-text", "exact", device="cpu").fit(texts, NAMES * 12)

    def respond(inputs: Any, without: tuple[str, ...]) -> tuple[Standing, Answers]:
        return SOME, classifier.respond(inputs, without=without)

    async def all_of_them(contents: list[bytes]) -> list[Any]:
        batches = Batches(respond, 8, 100)
        try:
            one = [of_files("texts", [content], Settings()) for content in contents]
            return await asyncio.gather(*map(batches.answer, one))
        finally:
            batches.close()

    contents = [("word " * n + "Ada").encode() for n in range(1, 11)]
    for content, (_, among) in zip(contents, asyncio.run(all_of_them(contents)), strict=True):
        [(_, alone)] = asyncio.run(all_of_them([content]))
        assert bits(among) == bits(alone)


def test_a_fault_reaches_the_request_that_met_it_and_no_other_and_nobody_waits_for_ever() -> None:
    def faulty(inputs: Any, without: tuple[str, ...]) -> tuple[Standing, Answers]:
        if (np.asarray(inputs) == 7).any():
            raise RuntimeError("a fault")
        return doubled(inputs, without)

    said = ask(Batches(faulty, 4, 100), [[1.0]], [[7.0]], [[2.0]])
    assert [part[1].answers.tolist() for part in (said[0], said[2])] == [["1.0"], ["2.0"]]
    assert isinstance(said[1], RuntimeError)


def drawn(count: int) -> Any:
    return np.ones((count, 4), dtype=np.float32)


@pytest.mark.parametrize(("other", "expected"), [((), {1, 4, 16}), ((1, 2), {4, 16}), ((16, 1), {2, 4})])
def test_other_sizes_are_taken_where_they_give_the_same_bits(
    other: tuple[int, ...], expected: set[int]
) -> None:
    sizes: list[int] = []

    def rounds(inputs: Any, without: tuple[str, ...]) -> tuple[Standing, Answers]:
        standing, answers = doubled(inputs, without)
        sizes.append(len(inputs))
        answers.probabilities[:] = len(inputs) in other
        return standing, answers

    async def all_of_them() -> list[Any]:
        batches = Batches(rounds, 4, 100, None, drawn)
        await batches.prepare()
        sizes.clear()
        try:
            alone = await batches.answer(of_array("vectors", np.float32([[1]])))
            rows = [of_array("vectors", np.float32([[n]] * count)) for n, count in enumerate((1, 5, 2, 8, 1))]
            return [alone, *await asyncio.gather(*map(batches.answer, rows))]
        finally:
            batches.close()

    said = asyncio.run(all_of_them())
    assert set(sizes) <= expected
    assert not [part for _, part in said if part.probabilities.any()]
    labels = [part.answers.tolist() for _, part in said]
    assert labels == [["1.0"], *([f"{n}.0"] * count for n, count in enumerate((1, 5, 2, 8, 1)))]


def test_after_a_change_sizes_are_tried_out_anew_and_no_answer_has_the_bits_of_an_untried_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The model changes between the trial and the batch, and then a batch of one rounds otherwise."""
    monkeypatch.setattr(shapes, "LONGEST", 3600.0)
    state = {"standing": Standing(1, ""), "bad": 0.0}

    def rounds(inputs: Any, without: tuple[str, ...]) -> tuple[Standing, Answers]:
        answers = doubled(inputs, without)[1]
        answers.probabilities[:] = state["bad"] * (len(inputs) == 1)
        standing = state["standing"]
        assert isinstance(standing, Standing)
        return standing, answers

    async def all_of_them() -> list[Any]:
        batches = Batches(rounds, 4, 100, None, drawn)
        await batches.prepare()
        state.update(standing=Standing(2, ""), bad=1.0)
        one = of_array("vectors", np.float32([[1]]))
        try:
            return [await batches.answer(one) for _ in range(2)] + [batches._sizes]
        finally:
            batches.close()

    *said, sizes = asyncio.run(all_of_them())
    assert sizes == (2, 4, 16)
    assert [(standing.epoch, part.probabilities.any()) for standing, part in said] == [(2, False)] * 2


def test_nobody_waits_for_a_trial_after_the_end() -> None:
    epochs = iter(range(1000))

    def changing(inputs: Any, without: tuple[str, ...]) -> tuple[Standing, Answers]:
        return Standing(next(epochs), ""), doubled(inputs, without)[1]

    async def late() -> None:
        batches = Batches(changing, 1, 100, None, drawn)
        one = of_array("vectors", np.float32([[1]]))
        await batches.answer(one)
        batches.close()
        with pytest.raises(RuntimeError):
            await asyncio.wait_for(batches.answer(one), 60)

    asyncio.run(late())


def test_a_trial_that_fails_is_logged_without_what_it_says(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("preforget.serve"), "propagate", True)  # a service sets it to False

    def broken(inputs: Any, without: tuple[str, ...]) -> tuple[Standing, Answers]:
        raise ValueError("Grace has no record")

    async def prepared() -> tuple[int, ...]:
        batches = Batches(broken, 4, 100, None, drawn)
        try:
            await batches.prepare()
            return batches._sizes
        finally:
            batches.close()

    assert asyncio.run(prepared()) == (4,)
    assert caplog.messages == ["other sizes of batches couldn't be tried, one is used: ValueError"]
