from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from preforget.baselines import LoraHead
from preforget.baselines.unsir import UnsirConfig, learned_noise, noise_examples, noise_loss
from preforget.core.errors import UsageError

from .conftest import seeded


def test_by_hand_the_noise_s_loss() -> None:
    """Even answers of two classes: `-ln 2`; noise of two images with squares 4 and 2: mean 3."""
    noise = torch.tensor([[[1.0, 1.0], [1.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]]])
    found = noise_loss(torch.zeros(2, 2), torch.tensor([0, 1]), noise, penalty=0.5)
    assert found.item() == pytest.approx(-math.log(2) + 1.5)


def test_learned_noise_has_more_error_than_where_it_started(original: LoraHead) -> None:
    def error(steps: int) -> float:
        config = UnsirConfig(noise_images=4, noise_steps=steps, noise_penalty=0.0)
        noise = learned_noise(original, 0, config, seeded())
        assert noise.shape == (4, 3, 32, 32)
        logits = original.logits(original.parameters, original.encoder.embed(noise))
        return F.cross_entropy(logits, torch.zeros(4, dtype=torch.long)).item()

    assert error(10) > error(0)


def test_a_penalty_keeps_noise_small(original: LoraHead) -> None:
    loud, quiet = (
        learned_noise(original, 0, UnsirConfig(noise_images=2, noise_steps=10, noise_penalty=p), seeded())
        for p in (0.0, 10.0)
    )
    assert quiet.square().mean() < 0.5 * loud.square().mean()


def test_every_noise_image_is_seen_so_many_times_as_its_class(original: LoraHead) -> None:
    config = UnsirConfig(noise_images=3, noise_steps=1, repeats=4)
    examples = noise_examples(original, 2, config, seeded())
    assert examples.target.tolist() == [2] * 12
    states = examples.states(torch.arange(12))
    torch.testing.assert_close(states[:3], states[9:])
    assert not states.requires_grad
    noise = learned_noise(original, 2, config, seeded())
    torch.testing.assert_close(states[:3], original.encoder.embed(noise))


def test_says_what_is_wrong() -> None:
    with pytest.raises(UsageError, match="repair_rate"):
        UnsirConfig(repair_rate=0)
    with pytest.raises(UsageError, match="repeats"):
        UnsirConfig(repeats=0)
