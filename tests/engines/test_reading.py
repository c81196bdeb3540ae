from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from preforget.backbones import Encoder
from preforget.backbones.vectors import vector_encoder
from preforget.core.errors import UsageError
from preforget.data import Split
from preforget.data.dataset import label_array
from preforget.engines import features
from preforget.engines.reading import Reading, energy_depth

from .conftest import pictures


def pixels(encoder: Encoder, count: int = 3) -> torch.Tensor:
    return encoder.read(pictures(count, seed=4), range(count))


def test_numbers_for_scores_come_first_then_those_of_one_depth(tiny_encoder: Encoder) -> None:
    x, width = pixels(tiny_encoder), 2 * tiny_encoder.dim
    rows = Reading(tiny_encoder, 1, 1).rows(x)
    assert torch.equal(rows[:, :width], features.features(tiny_encoder, x, 1))
    states = [h for h, _, _ in tiny_encoder.walk(x)]
    assert torch.equal(rows[:, width:], features.quantised(states[1][:, None]))
    assert torch.equal(Reading(tiny_encoder, 1).rows(x), features.features(tiny_encoder, x, 1))


def test_views_are_the_mirrored_images_themselves(tiny_encoder: Encoder) -> None:
    x = pixels(tiny_encoder)
    plain, reading = Reading(tiny_encoder, 1, 1), Reading(tiny_encoder, 1, 1, "hv")
    rows = reading.rows(x).view(3, 3, -1)
    assert torch.equal(rows[:, 0], plain.rows(x))
    assert torch.equal(rows[:, 1], plain.rows(x.flip(3).contiguous()))
    assert torch.equal(rows[:, 2], plain.rows(x.flip(2).contiguous()))
    assert (reading.layout.views, reading.layout.near) == (3, 2 * tiny_encoder.dim)


def test_a_unit_is_read_in_order(tiny_encoder: Encoder) -> None:
    images: Any = pictures(5, seed=4)
    reading = Reading(tiny_encoder, 1, 1, "h")
    chunks = [*reading.unit_rows(Split(images, label_array(["a"] * 5)))]
    assert [len(chunk) for chunk in chunks] == [8, 2]
    expected = torch.cat([reading.rows(pixels(tiny_encoder, 4)), reading.rows(pixels(tiny_encoder, 5)[4:])])
    assert torch.equal(torch.cat(chunks), expected)


def test_vectors_have_one_version_and_no_depths() -> None:
    encoder = vector_encoder(4)
    reading = Reading(encoder, 4, energy_depth(encoder))
    reading.check()
    assert (reading.layout.features, reading.layout.near) == (4, 0)
    assert reading.rows(torch.from_numpy(np.zeros((2, 4)))).shape == (2, 4)


def test_what_the_backbone_can_not_give(tiny_encoder: Encoder) -> None:
    with pytest.raises(UsageError, match="energy_depth is 99"):
        Reading(tiny_encoder, 1, 99).check()
    with pytest.raises(UsageError, match="mirrored copies of images; these inputs are vectors"):
        Reading(vector_encoder(4), 1, 1, "h").check()
