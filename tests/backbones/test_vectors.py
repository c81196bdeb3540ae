from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from preforget.backbones import Encoder, load_backbone
from preforget.backbones.vectors import normalised, vector_encoder
from preforget.core.errors import DataError, UsageError
from preforget.data import Vectors


def test_it_is_described_by_its_width_alone() -> None:
    one, same, wider = (load_backbone("features", image_size=width) for width in (5, 5, 6))
    assert one.describe() == same.describe()
    assert one.describe()["digest"] != wider.describe()["digest"]
    described = one.describe()
    assert [described[name] for name in ("id", "revision", "architecture", "image_size", "dtype")] == [
        *("features", None, "vectors"),
        *(5, "float32"),
    ]
    assert (one.dim, one.depth, one.tokens, one.kind) == (5, 0, 2, "vectors")


@pytest.mark.parametrize("wrong", [None, 0, -1, 2.5, True])
def test_a_width_that_is_none(wrong: Any) -> None:
    with pytest.raises(UsageError, match=r"wide|width"):
        vector_encoder(wrong)


def test_other_number_formats_are_refused() -> None:
    with pytest.raises(UsageError, match="computes in float32"):
        load_backbone("features", image_size=3, dtype="bfloat16", device="cpu")


def test_vectors_are_read_exactly() -> None:
    rows = np.random.default_rng(0).normal(size=(4, 3)) * 1e6
    read = vector_encoder(3).read(Vectors(rows), [2, 0])
    assert read.dtype == torch.float64
    np.testing.assert_array_equal(read.numpy(), rows[[2, 0]])


def test_other_inputs_are_refused() -> None:
    encoder = vector_encoder(3)
    with pytest.raises(DataError, match="reads vectors"):
        encoder.read(np.zeros((1, 4, 4), np.uint8), [0])
    with pytest.raises(DataError, match=r"X has 2 features, but .* 3 features as input"):
        encoder.read(Vectors(np.zeros((1, 2))), [0])


def test_vectors_go_to_no_other_backbone(tiny_encoder: Encoder) -> None:
    with pytest.raises(DataError, match="these are vectors; use backbone 'features'"):
        tiny_encoder.read(Vectors(np.zeros((1, 2))), [0])


def test_states_are_the_vector_at_unit_length_and_its_asinh() -> None:
    rows = torch.tensor([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]], dtype=torch.float64)
    states = vector_encoder(3).states(rows, slice(0, 1))
    assert states.shape == (2, 1, 2, 3)
    assert torch.allclose(states[:, 0, 1].double(), rows.asinh() / 3**0.5)
    assert torch.allclose(states[0, 0, 0], torch.tensor([-(0.5**0.5), 0.0, 0.5**0.5]))
    assert torch.equal(states[1, 0, 0], torch.zeros(3))


def test_normalising_survives_any_scale() -> None:
    x = torch.tensor([[1.0, -2.0, 4.0]], dtype=torch.float64)
    for scale in (1e-200, 1e-30, 1e30, 1e307):
        assert torch.allclose(normalised(x * scale), normalised(x))
