from __future__ import annotations

from itertools import combinations

import pytest
import torch

from preforget.training.subsets import own_and_wrong_subset, wrong_subset


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_by_hand_one_class_has_no_wrong_subset() -> None:
    target = torch.zeros(5, dtype=torch.long)
    assert not wrong_subset(target, 1, seeded()).any()
    assert own_and_wrong_subset(target, 1, seeded()).all()


def test_sizes_and_subsets_follow_the_enumeration() -> None:
    """Reference: size uniform in 0..3, each of the subsets of one size equally likely, so 1/4 / C(3, size)."""
    draws, classes, own = 40_000, 4, 2
    masks = wrong_subset(torch.full((draws,), own), classes, seeded())
    others = [c for c in range(classes) if c != own]
    for size in range(classes):
        expected = 1 / classes
        share = (masks.sum(dim=1) == size).double().mean().item()
        assert share == pytest.approx(expected, abs=4 * (expected / draws) ** 0.5)
        subsets = list(combinations(others, size))
        for subset in subsets:
            mask = torch.zeros(classes, dtype=torch.bool)
            mask[list(subset)] = True
            share = (masks == mask).all(dim=1).double().mean().item()
            p = expected / len(subsets)
            assert share == pytest.approx(p, abs=4 * (p / draws) ** 0.5)


@pytest.mark.parametrize("classes", [2, 8, 33])
def test_own_class_is_never_wrong_and_always_shown(classes: int) -> None:
    target = torch.arange(256) % classes
    own = torch.nn.functional.one_hot(target, classes).bool()
    assert not (wrong_subset(target, classes, seeded(1)) & own).any()
    shown = own_and_wrong_subset(target, classes, seeded(1))
    assert (shown & own).sum() == len(target)
    assert torch.equal(shown & ~own, wrong_subset(target, classes, seeded(1)))


def test_same_generator_state_same_subsets_and_global_state_untouched() -> None:
    target = torch.arange(20) % 5
    before = torch.random.get_rng_state()
    assert torch.equal(wrong_subset(target, 5, seeded(3)), wrong_subset(target, 5, seeded(3)))
    assert not torch.equal(wrong_subset(target, 5, seeded(3)), wrong_subset(target, 5, seeded(4)))
    assert torch.equal(torch.random.get_rng_state(), before)
