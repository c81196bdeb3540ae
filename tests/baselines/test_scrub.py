from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from preforget.baselines import LoraHead
from preforget.baselines.scrub import Scrub, ScrubConfig, max_loss, min_loss
from preforget.core.errors import UsageError
from preforget.data.dataset import Split

from .conftest import seeded


def naive_divergence(teacher: torch.Tensor, student: torch.Tensor, temperature: float) -> float:
    total = 0.0
    for t, s in zip(teacher.tolist(), student.tolist(), strict=True):
        p, q = [[math.exp(v / temperature) for v in row] for row in (t, s)]
        p, q = [v / sum(p) for v in p], [v / sum(q) for v in q]
        total += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    return total / len(teacher)


def test_by_hand_an_obedient_student() -> None:
    logits, target = torch.zeros(2, 2), torch.tensor([0, 1])
    assert max_loss(logits, logits, 2.0).item() == 0
    assert min_loss(logits, logits, target, ScrubConfig(gamma=3.0)).item() == pytest.approx(3 * math.log(2))


def test_against_the_formula() -> None:
    teacher, student = torch.randn(5, 3, generator=seeded()), torch.randn(5, 3, generator=seeded(1))
    target = torch.tensor([0, 2, 1, 1, 0])
    c = ScrubConfig(temperature=2.0, alpha=0.5, gamma=0.9)
    away = naive_divergence(teacher, student, 2.0) * 4
    assert max_loss(teacher, student, 2.0).item() == pytest.approx(-away, rel=1e-4)
    expected = 0.5 * away + 0.9 * F.cross_entropy(student, target).item()
    assert min_loss(teacher, student, target, c).item() == pytest.approx(expected, rel=1e-4)


def test_max_passes_move_away_and_min_passes_do_not(original: LoraHead, forget: Split, retain: Split) -> None:
    def distance(max_epochs: int) -> float:
        config = ScrubConfig(
            epochs=3, batch_size=8, learning_rate=3e-3, forget_batch_size=4, max_epochs=max_epochs
        )
        student = Scrub(config).unlearn(original, forget, retain, seeded())
        scores = [torch.from_numpy(model.scores(forget.inputs)) for model in (original, student)]
        return naive_divergence(*scores, 1.0)

    assert distance(0) < distance(3) / 3


def test_says_what_is_wrong() -> None:
    with pytest.raises(UsageError, match="max_epochs"):
        ScrubConfig(max_epochs=-1)
