"""The before/after attack: it finds an erased input exactly, and nothing where there is nothing to compare."""

from __future__ import annotations

import pytest
import torch

from preforget.audit.attacks.difference import ABOUT, attack_scene, measure, recovered
from preforget.classifier import PreForgettableClassifier
from preforget.engines.discriminant import pair
from preforget.records.moments import Moments


def rows(count: int, shift: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(count, 6, generator=generator) * 900 + shift).round().to(torch.int16)


@pytest.mark.parametrize("seed", range(4))
def test_one_erased_input_comes_back_exactly(seed: int) -> None:
    own, other = rows(20, 2000, seed), rows(25, -2000, seed + 10)
    row, bias = pair(Moments.of(own), Moments.of(other), 3.0)
    found = recovered(row, bias, Moments.of(own[1:]), Moments.of(other), 3.0)
    assert torch.equal(found.round(), own[0].double())


def test_values_say_how_much_comes_back() -> None:
    found = measure(rows(20, 2000, 0), rows(25, -2000, 1), 3.0)
    assert set(found.values) == set(ABOUT.titles) == ABOUT.unjudged
    assert found.values["cosine"] > 0.999
    assert found.values["recovered"] == found.values["named"] == 1


def test_two_erased_at_once_do_not_come_back() -> None:
    own, other = rows(20, 2000, 3), rows(25, -2000, 4)
    row, bias = pair(Moments.of(own), Moments.of(other), 3.0)
    found = recovered(row, bias, Moments.of(own[2:]), Moments.of(other), 3.0)
    assert not any(torch.equal(found.round(), one.double()) for one in own[:2])


def test_a_model_without_pairs_is_left_out() -> None:
    class Other:
        model = PreForgettableClassifier("features", "isolated")

    assert attack_scene(Other()) is None  # type: ignore[arg-type]
