from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from preforget.engines.shortlist import cheap_scores, of_pairs

from .conftest import MakeEngine, pictures

MANY = [f"class {number:02}" for number in range(21)]


def test_the_cheap_score_by_hand() -> None:
    cls = torch.tensor([[1.0, 3.0], [5.0, 1.0]])
    scores = cheap_scores(cls, torch.tensor([[1.0, 0.0], [2.0, 5.0]]), torch.tensor([0.5, 0.0]))
    assert scores.tolist() == [pytest.approx([-0.5, 3.0], abs=1e-4), pytest.approx([1.5, -3.0], abs=1e-4)]


def test_adapters_are_those_of_each_pair() -> None:
    generator = torch.Generator().manual_seed(0)
    pairs = torch.randint(0, 3, (6, 2), generator=generator)
    x, y = torch.randn(2, *pairs.shape, 2, 4, generator=generator)
    down, up = torch.randn(5, 4, 2, generator=generator), torch.randn(5, 2, 4, generator=generator)
    assert torch.allclose(of_pairs(y, x, down, up, pairs), y + x @ down[pairs] @ up[pairs], atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [{"lora_rank": 2, "tokens_per_class": 2}, {"lora_rank": 0, "first_block": 1}, {"dtype": "bfloat16"}],
)
def test_chosen_classes_have_their_full_scores_and_the_others_none(
    make_engine: MakeEngine, options: dict[str, Any]
) -> None:
    engine = make_engine(MANY, **options)
    engine.forget(MANY[3])
    engine.bank.detach(MANY[5])
    images = pictures(9)
    whole, few = engine.scores(images), engine.scores(images, shortlist=4)
    chosen = np.isfinite(few)
    assert (chosen.sum(axis=1) == 4).all()
    assert np.isneginf(few[~chosen]).all()
    rough = 0.1 if options.get("dtype") == "bfloat16" else 1e-4
    assert few[chosen] == pytest.approx(whole[chosen], rel=rough, abs=rough * float(np.abs(whole).max()))


def test_the_classes_chosen_are_the_best_by_the_cheap_score(make_engine: MakeEngine) -> None:
    engine = make_engine(MANY)
    images = pictures(9)
    pixels = engine.encoder.pixels(images)
    last = engine.encoder.depth - 1
    cls = engine.encoder.states(pixels, slice(last, last + 1))[:, 0, 0]
    slots = engine.bank.slots(engine.bank.attached)
    cheap = cheap_scores(
        cls, engine.bank.packed["cheap_row"][slots], engine.bank.packed["cheap_bias"][slots]
    ).numpy()
    chosen = np.isfinite(engine.scores(images, shortlist=5))
    assert (np.where(chosen, cheap, np.inf).min(axis=1) >= np.where(chosen, -np.inf, cheap).max(axis=1)).all()


@pytest.mark.parametrize("size", [0, 21, 100])
def test_a_shortlist_of_everything_is_the_plain_way(make_engine: MakeEngine, size: int) -> None:
    engine = make_engine(MANY)
    images = pictures(3)
    assert np.array_equal(engine.scores(images, shortlist=size), engine.scores(images))


def test_confidence_and_probabilities_of_a_shortlist_are_finite(make_engine: MakeEngine) -> None:
    engine = make_engine(MANY)
    scores = engine.scores(pictures(5), shortlist=2)
    assert np.isfinite(engine.log_confidence(scores)).all()
    shares = engine.probabilities(scores)
    assert (shares[np.isneginf(scores)] == 0).all()
    assert (shares.sum(axis=1) <= 1 + 1e-6).all()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_forgetting_moves_no_score_of_a_class_that_stays_on_the_shortlist(
    make_engine: MakeEngine, dtype: str
) -> None:
    for seed in range(3):
        engine = make_engine(MANY, dtype, lora_rank=2, tokens_per_class=2)
        images = pictures(37, seed=seed)
        gone = set(np.random.default_rng(seed).choice(MANY, 6, replace=False))
        before = engine.scores(images, shortlist=6)[:, [label not in gone for label in MANY]]
        for label in gone:
            engine.forget(label)
        after = engine.scores(images, shortlist=6)
        both = np.isfinite(before) & np.isfinite(after)
        assert both.sum() > 100
        # to rounding only: a class that ranks elsewhere among the chosen is another row of the same products
        tolerance = 1e-5 if dtype == "float32" else 0.05
        np.testing.assert_allclose(before[both], after[both], rtol=tolerance, atol=tolerance)
