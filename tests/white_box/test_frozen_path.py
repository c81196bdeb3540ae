"""What is special beside a frozen image path: no class moves another."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from preforget.backbones import Encoder
from preforget.core.errors import UsageError
from preforget.data import Split
from preforget.white_box.frozen_path import FrozenPath
from preforget.white_box.open_model import surface_of

from ..audit.conftest import Make, coloured


def test_a_live_class_put_in_again_scores_as_itself(make: Make, split: Split) -> None:
    surface = surface_of(make("isolated", coloured(6)))
    again = {name: tensor[1] for name, tensor in surface.live().items()}
    found = surface.logits(surface.read(split.inputs), torch.arange(len(split)), again)
    torch.testing.assert_close(found[:, 3], found[:, 1], rtol=1e-5, atol=1e-5)


def test_a_new_class_moves_no_score_of_the_exact_engine(make: Make, split: Split) -> None:
    model = make("exact", coloured(6))
    surface = surface_of(model)
    new = surface.start(1, torch.Generator().manual_seed(0))
    found = surface.logits(surface.read(split.inputs), torch.arange(len(split)), new)
    assert np.array_equal(found[:, :3].numpy(), model.scores(split.inputs))
    assert not found[:, 3].any()


def made_up(encoder: Encoder, first_block: int) -> FrozenPath:
    """Two classes of random weights."""
    generator = torch.Generator().manual_seed(first_block)
    empty = FrozenPath(
        encoder,
        ["a", "b"],
        first_block=first_block,
        scores=lambda x: np.zeros((len(x), 2)),
        live={},
        stored={},
    )
    one, other = (empty.start(2, generator) for _ in range(2))
    drawn = {n: torch.stack([t, other[n]]) for n, t in one.items()}
    live = {n: t + 0.3 * torch.randn(t.shape, generator=generator) for n, t in drawn.items()}
    return FrozenPath(
        encoder,
        ["a", "b"],
        first_block=first_block,
        scores=lambda x: np.zeros((len(x), 2), np.float32),
        live=live,
        stored=live,
    )


@pytest.mark.parametrize("first_block", [0, 1, 2])
def test_from_pixels_and_from_cached_states_come_the_same_scores(
    tiny_encoder: Encoder, split: Split, first_block: int
) -> None:
    surface, rows = made_up(tiny_encoder, first_block), torch.arange(len(split))
    cached = surface.logits(surface.read(split.inputs), rows, live=surface.live())
    opened = surface.open(surface.pixels(split.inputs, rows))
    assert cached.std() > 0.01
    torch.testing.assert_close(opened, cached, rtol=1e-4, atol=1e-4)


def test_in_batches_or_at_once(tiny_encoder: Encoder, split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    surface = made_up(tiny_encoder, 1)
    whole, features = surface.read(split.inputs), surface.features(split.inputs)
    for size in (2, len(split) - 1, len(split)):
        monkeypatch.setattr("preforget.white_box.frozen_path.ROWS", size)
        torch.testing.assert_close(surface.read(split.inputs).states, whole.states, rtol=1e-4, atol=1e-5)
        for one, other in zip(surface.features(split.inputs), features, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_without_classes_there_is_nothing_to_open(tiny_encoder: Encoder) -> None:
    with pytest.raises(UsageError, match="knows no class"):
        FrozenPath(
            tiny_encoder, [], first_block=0, scores=lambda x: np.zeros((len(x), 0)), live={}, stored={}
        )
