from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from preforget.baselines import LoraHead
from preforget.baselines.ssd import Ssd, SsdConfig, dampened, dampening_factor
from preforget.core.errors import UsageError
from preforget.data.dataset import Split

from .conftest import same, seeded

importance = st.floats(0, 100, width=32)


def test_by_hand_two_parameters() -> None:
    """Ratios 4 and 10 with alpha 5: the first stays, the second is multiplied by `lambda / 10`."""
    whole, forgotten = {"a": torch.tensor([1.0, 2.0])}, {"a": torch.tensor([4.0, 20.0])}
    found = dampened({"a": torch.tensor([3.0, -3.0])}, whole, forgotten, SsdConfig(alpha=5, dampening=2))
    assert found["a"].tolist() == pytest.approx([3.0, -0.6])
    # a factor never grows a parameter
    assert dampening_factor(whole["a"], forgotten["a"], alpha=5, dampening=100).tolist() == [1.0, 1.0]
    zero = torch.zeros(2)
    assert dampening_factor(zero, torch.tensor([0.0, 1.0]), alpha=5, dampening=1).tolist() == [1.0, 0.0]


@given(st.lists(st.tuples(importance, importance), min_size=1), st.floats(0, 20), st.floats(0, 5))
def test_against_a_loop(pairs: list[tuple[float, float]], alpha: float, dampening: float) -> None:
    whole, forgotten = torch.tensor(pairs, dtype=torch.float64).unbind(dim=1)
    found = dampening_factor(whole, forgotten, alpha, dampening)
    expected = [min(dampening * w / f, 1.0) if f > alpha * w else 1.0 for w, f in pairs]
    assert found.tolist() == pytest.approx(expected)
    assert ((found >= 0) & (found <= 1)).all()


def test_nothing_is_selected_where_a_third_is_forgotten_and_alpha_is_five(
    original: LoraHead, forget: Split, retain: Split
) -> None:
    assert same(Ssd().unlearn(original, forget, retain, seeded()), original)
    found = Ssd(SsdConfig(alpha=1, dampening=0.1)).unlearn(original, forget, retain, seeded())
    for name, tensor in original.parameters.items():
        assert (found.parameters[name].abs() <= tensor.abs()).all()
    assert not same(found, original)


def test_says_what_is_wrong() -> None:
    with pytest.raises(UsageError, match="alpha"):
        SsdConfig(alpha=-1)
