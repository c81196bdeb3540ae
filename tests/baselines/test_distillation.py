from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr, softmax

from preforget.baselines.distillation import divergence

numbers = st.floats(-20, 20, width=32)
rows = st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=4)


def test_by_hand() -> None:
    """A teacher of (1/2, 1/2) and a student of (3/4, 1/4): `(ln(2/3) + ln 2) / 2`."""
    student = torch.tensor([[math.log(3.0), 0.0]])
    found = divergence(torch.zeros(1, 2), student)
    assert found.item() == pytest.approx((math.log(2 / 3) + math.log(2)) / 2)
    # at temperature 2 logits twice as large say the same
    assert divergence(torch.zeros(1, 2), 2 * student, temperature=2.0).item() == pytest.approx(found.item())


@given(rows, st.floats(0.5, 4))
def test_against_scipy_and_never_below_zero(
    logits: list[tuple[float, float, float]], temperature: float
) -> None:
    teacher = np.array(logits)
    student = teacher[:, ::-1].copy()
    found = divergence(torch.from_numpy(teacher), torch.from_numpy(student), temperature)
    p, q = softmax(teacher / temperature, axis=1), softmax(student / temperature, axis=1)
    np.testing.assert_allclose(found, rel_entr(p, q).sum(axis=1), rtol=1e-6, atol=1e-9)
    assert (found >= -1e-9).all()
    assert divergence(torch.from_numpy(teacher), torch.from_numpy(teacher), temperature).abs().max() == 0
