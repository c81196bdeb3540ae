from __future__ import annotations

from dataclasses import replace

import torch

from preforget.backbones import Encoder, class_path
from preforget.engines import pair_prompts
from preforget.engines.pair_prompts import Recipe
from preforget.training.state_cache import StateCache

from .conftest import learnable

RECIPE = Recipe(first_block=1, tokens=1, rank=2, steps=12, images_per_class=4, learning_rate=1e-2, seed=0)


def caches(encoder: Encoder, *labels: str) -> list[StateCache]:
    data = learnable(labels, 9)
    return [StateCache(encoder, data.only(x), first_block=1, last_block=encoder.depth - 1) for x in labels]


def learned(encoder: Encoder, pair: tuple[str, str], recipe: Recipe = RECIPE) -> dict[str, torch.Tensor]:
    first, second = caches(encoder, *pair)
    return pair_prompts.learn_pair(encoder, recipe, pair, (first, second))


def test_a_stream_is_the_class_s_own_and_uses_all_images_evenly() -> None:
    drawn = pair_prompts.stream("ant", 9, RECIPE)
    assert drawn.shape == (12, 4)
    counts = drawn.flatten().bincount(minlength=9)
    assert counts.max() - counts.min() <= 1
    assert torch.equal(drawn, pair_prompts.stream("ant", 9, RECIPE))
    assert not torch.equal(drawn, pair_prompts.stream("bee", 9, RECIPE))
    assert not torch.equal(drawn, pair_prompts.stream("ant", 9, replace(RECIPE, seed=1)))


def test_the_same_bits_each_time_and_whoever_else_is_there(tiny_encoder: Encoder) -> None:
    first = learned(tiny_encoder, ("ant", "bee"))
    data = learnable(["ant", "bee", "cat"], 9)
    assert {n: t.shape for n, t in first.items()} == {
        n: torch.Size(s) for n, s in RECIPE.shapes(tiny_encoder).items()
    }
    both = caches(tiny_encoder, "ant", "bee")
    learned(tiny_encoder, ("ant", "cat"))
    again = pair_prompts.learn_pair(tiny_encoder, RECIPE, ("ant", "bee"), (both[0], both[1]))
    assert all(torch.equal(first[n], again[n]) for n in first)
    assert len(data) == 27


def test_it_learns_to_tell_them_apart(tiny_encoder: Encoder) -> None:
    weights = learned(tiny_encoder, ("ant", "bee"), replace(RECIPE, steps=60))
    batched = {n: t[None] for n, t in weights.items()}
    for cache, sign in zip(caches(tiny_encoder, "ant", "bee"), (1, -1), strict=True):
        states = cache.get(torch.arange(cache.size))
        scores = class_path.score_states(tiny_encoder, 1, batched, states)[:, 0]
        assert (sign * scores > 0).float().mean() > 0.85


def test_scores_of_pairs_are_those_of_learning(tiny_encoder: Encoder) -> None:
    pairs = [learned(tiny_encoder, pair) for pair in (("ant", "bee"), ("ant", "cat"))]
    pixels = torch.randn(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    found = pair_prompts.score_pairs(tiny_encoder, 1, pairs, list(tiny_encoder.walk(pixels)))
    states = tiny_encoder.states(pixels, slice(1, tiny_encoder.depth))
    for column, weights in enumerate(pairs):
        expected = class_path.score_states(tiny_encoder, 1, {n: t[None] for n, t in weights.items()}, states)
        torch.testing.assert_close(found[:, column], expected[:, 0], rtol=1e-4, atol=1e-5)


def test_many_pairs_go_in_pieces(tiny_encoder: Encoder) -> None:
    weights = learned(tiny_encoder, ("ant", "bee"))
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    found = pair_prompts.score_pairs(tiny_encoder, 1, [weights] * 40, list(tiny_encoder.walk(pixels)))
    assert found.shape == (2, 40)
    torch.testing.assert_close(found, found[:, :1].expand(-1, 40), rtol=1e-4, atol=1e-5)
