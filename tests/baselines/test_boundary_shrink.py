from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from preforget.baselines import LoraHead
from preforget.baselines.boundary_shrink import crossed, nearest_labels, nearest_wrong
from preforget.baselines.examples import columns
from preforget.core.errors import UsageError
from preforget.data.dataset import Split


def test_by_hand_best_of_what_is_allowed_and_wrong() -> None:
    logits = torch.tensor([[3.0, 2.0, 1.0], [0.0, 5.0, 4.0]])
    target = torch.tensor([0, 2])
    assert nearest_wrong(logits, target, torch.tensor([0, 1, 2])).tolist() == [1, 1]
    assert nearest_wrong(logits, target, torch.tensor([0, 2])).tolist() == [2, 0]
    with pytest.raises(UsageError, match="one more class"):
        nearest_wrong(logits, target, torch.tensor([2]))


def test_the_step_has_its_size_and_raises_the_loss(original: LoraHead, forget: Split) -> None:
    pixels = original.encoder.read(forget.inputs, range(len(forget)))
    target = columns(original.labels, forget)
    moved = crossed(original, pixels, target, epsilon=0.05)
    sizes = (moved - pixels).abs()
    # a step is epsilon or, where the gradient is zero, none
    assert ((sizes - 0.05).abs().minimum(sizes) < 1e-6).all()
    before, after = (
        F.cross_entropy(original.logits(original.parameters, original.encoder.embed(x)), target).item()
        for x in (pixels, moved)
    )
    assert after > before
    assert not moved.requires_grad


def test_gradient_against_finite_differences(original: LoraHead, forget: Split) -> None:
    """The sign of the largest difference quotients is that of the step."""
    pixels, target = original.encoder.read(forget.inputs, [0]), columns(original.labels, forget)[:1]
    step = crossed(original, pixels, target, epsilon=1.0) - pixels

    def loss(x: torch.Tensor) -> float:
        with torch.no_grad():
            logits = original.logits(original.parameters, original.encoder.embed(x))
        return F.cross_entropy(logits.double(), target).item()

    direction = step / step.norm()
    assert loss(pixels + 0.1 * direction) > loss(pixels) > loss(pixels - 0.1 * direction)


def test_labels_of_a_split_are_those_of_each_image(original: LoraHead, forget: Split) -> None:
    target, allowed = columns(original.labels, forget), torch.tensor([1, 2])
    found = nearest_labels(original, forget, target, allowed, 0.2)
    single = [
        nearest_labels(original, forget.select([i]), target[:1], allowed, 0.2).item()
        for i in range(len(forget))
    ]
    np.testing.assert_array_equal(found, single)
    assert set(found.tolist()) <= {1, 2}
