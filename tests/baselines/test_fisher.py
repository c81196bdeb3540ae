from __future__ import annotations

import pytest
import torch

from preforget.baselines import LoraHead
from preforget.baselines.descent import all_logits
from preforget.baselines.examples import reading
from preforget.baselines.fisher import Fisher, FisherConfig, noise_scale
from preforget.baselines.importance import diagonal_fisher, drawn_targets
from preforget.data.dataset import Split

from .conftest import same, seeded


def test_by_hand_the_scale() -> None:
    found = noise_scale(torch.tensor([0.0, 1.0, 16.0]), scale=3.0, floor=1e-8)
    assert found.tolist() == pytest.approx([300.0, 3.0, 1.5])


def test_noise_has_the_deviation_of_the_formula(original: LoraHead, forget: Split, retain: Split) -> None:
    config = FisherConfig(scale=1e-2, floor=1e-6)
    found = Fisher(config).unlearn(original, forget, retain, seeded())
    with reading(original, retain) as (kept,):
        own = kept.with_target(drawn_targets(all_logits(original, kept), seeded()))
        fisher = diagonal_fisher(original, own)
    ratios = torch.cat(
        [
            ((found.parameters[n] - t) / noise_scale(fisher[n], config.scale, config.floor)).flatten()
            for n, t in original.parameters.items()
        ]
    )
    assert len(ratios) > 1000
    assert ratios.mean().item() == pytest.approx(0, abs=0.1)
    assert ratios.std().item() == pytest.approx(1, abs=0.1)


def test_no_noise_changes_nothing_but_the_row(original: LoraHead, forget: Split, retain: Split) -> None:
    assert same(Fisher(FisherConfig(scale=0)).unlearn(original, forget, retain, seeded()), original)
    found = Fisher(FisherConfig(scale=0, reset_row=True)).unlearn(original, forget, retain, seeded())
    row = original.labels.index("blue")
    expected = {name: tensor.clone() for name, tensor in original.parameters.items()}
    expected["head.weight"][row] = 0
    expected["head.bias"][row] = 0
    assert same(found, original.changed(expected))


def test_a_class_that_is_retained_in_part_keeps_its_row(original: LoraHead, train: Split) -> None:
    part = train.select(range(12))
    method = Fisher(FisherConfig(scale=0, reset_row=True))
    assert same(method.unlearn(original, part, train, seeded()), original)
