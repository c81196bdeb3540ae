from __future__ import annotations

import numpy as np
import pytest
import torch

from preforget.engines.block_scorer import BlockScorer

from .conftest import MakeEngine, pictures


@pytest.mark.parametrize("first_block", [0, 2])
def test_learning_and_answering_give_the_same_scores(make_engine: MakeEngine, first_block: int) -> None:
    engine = make_engine(["ant", "bee"], first_block=first_block, lora_rank=1)
    scorer = engine.scorer
    assert isinstance(scorer, BlockScorer)
    assert scorer.blocks == (first_block, 2)
    pixels = engine.encoder.read(pictures(3), range(3))
    states = engine.encoder.states(pixels, slice(first_block, 3))
    learning = scorer.score_states(engine.bank.packed, states)
    np.testing.assert_allclose(learning[:, :2].numpy(), engine.scores(pictures(3)), atol=1e-4)


def test_a_record_begins_near_the_mean_state_of_noise(make_engine: MakeEngine) -> None:
    scorer = make_engine(lora_rank=2).scorer
    assert list(scorer.shapes()) == [
        *("prompt", "offsets", "row", "bias", "cheap_row", "cheap_bias"),
        *("query_down", "query_up", "mlp_down", "mlp_up"),
    ]
    drawn = {n: scorer.draw(n, s, torch.Generator().manual_seed(0)) for n, s in scorer.shapes().items()}
    noise = scorer.encoder.states(scorer.encoder.noise(64), slice(0, 1))[:, 0, 0].mean(dim=0)
    assert (drawn["prompt"] - noise).abs().max() < 0.2
    assert not any(drawn[name].any() for name in ("offsets", "row", "bias", "query_up", "mlp_up"))


def test_one_class_is_scored_without_the_blocks_of_the_others(make_engine: MakeEngine) -> None:
    engine = make_engine([f"{number:02}" for number in range(12)])
    pixels = engine.encoder.read(pictures(3), range(3))
    whole = engine.score_batch(pixels, engine.bank.labels)
    alone = engine.score_batch(pixels, ["10"])
    assert not alone[:, :8].any()
    assert torch.equal(alone[:, 8:], whole[:, 8:])
    assert engine.own_confidence("10", pictures(3)).tolist() == whole[:, 10].tolist()


def test_images_in_parts_score_as_each_alone(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(["ant", "bee"], tokens_per_class=2)
    whole = engine.scores(pictures(7))
    monkeypatch.setattr("preforget.engines.block_scorer.ROWS", 3 * 8 * 2)
    np.testing.assert_allclose(engine.scores(pictures(7)), whole, atol=1e-5)
