from __future__ import annotations

import math

import pytest
import torch

from preforget.baselines import LoraHead
from preforget.baselines.bad_teacher import BadTeacher, BadTeacherConfig, bad_teacher_loss
from preforget.data.dataset import Split

from .conftest import seeded


def test_by_hand_each_image_has_one_teacher() -> None:
    """The student agrees with the good teacher: a retained image costs nothing, a forgotten one `ln 2 / 2`."""
    good = student = torch.zeros(2, 2)
    bad = torch.tensor([[100.0, 0.0], [100.0, 0.0]])
    assert bad_teacher_loss(good, bad, student, torch.tensor([0.0, 1.0])).item() == pytest.approx(
        math.log(2) / 2
    )
    assert bad_teacher_loss(good, bad, student, torch.tensor([0.0, 0.0])).item() == 0


def test_against_the_formula() -> None:
    good, bad, student = (torch.randn(4, 3, generator=seeded(n)) for n in range(3))
    forgotten, expected = [1.0, 0.0, 0.0, 1.0], 0.0
    for row, u in enumerate(forgotten):
        teacher = bad if u else good
        p, q = teacher[row].double().softmax(dim=0), student[row].double().softmax(dim=0)
        expected += float((p * (p / q).log()).sum()) / 4
    found = bad_teacher_loss(good, bad, student, torch.tensor(forgotten))
    assert found.item() == pytest.approx(expected, rel=1e-5)
    # a temperature is a scale of all logits
    scaled = bad_teacher_loss(3 * good, 3 * bad, 3 * student, torch.tensor(forgotten), temperature=3.0)
    assert scaled.item() == pytest.approx(expected, rel=1e-5)


def test_answers_to_the_forgotten_images_become_unsure(
    original: LoraHead, forget: Split, retain: Split
) -> None:
    config = BadTeacherConfig(epochs=5, batch_size=8, learning_rate=1e-2, retain_share=1.0)
    found = BadTeacher(config).unlearn(original, forget, retain, seeded())

    def surest(model: LoraHead, split: Split) -> float:
        return torch.from_numpy(model.scores(split.inputs)).softmax(dim=1).max(dim=1).values.mean().item()

    assert surest(found, forget) < surest(original, forget) - 0.1
    assert surest(found, retain) > surest(found, forget)


def test_settings_are_the_paper_s() -> None:
    assert (
        BadTeacherConfig().as_dict().items()
        >= {"epochs": 1, "learning_rate": 1e-4, "temperature": 1.0, "retain_share": 0.3}.items()
    )
