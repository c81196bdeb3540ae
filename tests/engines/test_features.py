from __future__ import annotations

import numpy as np
import pytest
import torch

from preforget.backbones import Encoder
from preforget.data import Split
from preforget.data.dataset import label_array
from preforget.engines import features
from preforget.records.moments import LARGEST

from .conftest import pictures


def split(count: int, seed: int = 0) -> Split:
    return Split(pictures(count, seed=seed, size=32), label_array(["a"] * count))


def all_of(encoder: Encoder, images: Split, levels: int = 3) -> torch.Tensor:
    return torch.cat(list(features.unit_features(encoder, images, levels)))


def test_by_hand() -> None:
    states = torch.zeros(1, 1, 3, 4)
    states[0, 0, 0] = torch.tensor([1.0, -1.0, 1.0, -1.0])
    states[0, 0, 1] = torch.tensor([4.0, 0.0, 0.0, 0.0])
    states[0, 0, 2] = torch.tensor([0.0, 4.0, 0.0, 0.0])
    # CLS has deviation 1; the mean patch is 2 2 0 0, so +-1 once normalised; sqrt(4) * 2^13 = 2^14 is the largest
    unit = 2**13
    expected = [unit, -unit, unit, -unit, unit, unit, -unit, -unit]
    assert features.quantised(states)[0].tolist() == expected
    assert features.scale(4) == unit


def test_a_distillation_token_is_no_patch() -> None:
    states = torch.randn(2, 1, 5, 8, generator=torch.Generator().manual_seed(0))
    without = features.quantised(states[:, :, [0, 2, 3, 4]])
    assert torch.equal(features.quantised(states, prefix=2), without)


@pytest.mark.parametrize("dim", [32, 192, 384, 768, 1024, 1280])
def test_nothing_overflows(dim: int) -> None:
    assert features.scale(dim) * dim**0.5 <= LARGEST
    spike = torch.zeros(1, 1, 2, dim)
    spike[..., 0] = 1e6
    assert features.quantised(spike).abs().max() <= LARGEST


def test_a_state_without_variance_is_zero() -> None:
    assert not features.quantised(torch.full((1, 1, 2, 8), 3.0)).any()


def test_depths_are_spread_and_end_at_the_output(tiny_encoder: Encoder) -> None:
    assert features.depths(tiny_encoder, 3) == [1, 2, 3]
    assert features.depths(tiny_encoder, 1) == [3]
    assert features.feature_count(tiny_encoder, 2) == 2 * 2 * 32


@pytest.mark.parametrize("count", [0, 1, 2, 3, 31, 127, 128, 129, 255, 1000])
def test_batches_add_up_and_are_few_shapes(count: int) -> None:
    sizes = list(features.batch_sizes(count))
    assert sum(sizes) == count
    assert set(sizes) <= {1, 2, 4, 8, 16, 32, 64, 128}
    assert sizes == sorted(sizes, reverse=True)


def test_a_unit_has_the_same_bits_whatever_else_is_there(tiny_encoder: Encoder) -> None:
    mine, other = split(37), split(20, seed=1)
    alone = all_of(tiny_encoder, mine)
    whole = Split(np.concatenate([other.inputs, mine.inputs]), label_array([*["b"] * 20, *["a"] * 37]))
    assert torch.equal(all_of(tiny_encoder, whole.only("a")), alone)
    assert alone.dtype == torch.int16
    assert alone.shape == (37, 3 * 2 * 32)


def test_features_are_those_of_the_walk(tiny_encoder: Encoder) -> None:
    images = split(5)
    pixels = tiny_encoder.pixels(images.inputs)  # type: ignore[arg-type]
    states = tiny_encoder.states(pixels, slice(1, 4)).double()
    parts = []
    for level in range(3):
        for x in (states[:, level, 0], states[:, level, 1:].mean(dim=1)):
            parts.append(torch.nn.functional.layer_norm(x, x.shape[-1:], eps=features.EPS))
    expected = torch.cat(parts, dim=1) * features.scale(32)
    found = features.features(tiny_encoder, pixels, 3).double()
    assert (found - expected).abs().max() <= 0.51
