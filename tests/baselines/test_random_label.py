from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from preforget.baselines.random_label import relabelled, wrong_columns
from preforget.core.errors import UsageError

from .conftest import seeded
from .test_examples import numbered


def test_by_hand_the_only_choice_left() -> None:
    found = wrong_columns(torch.tensor([0, 1, 0]), torch.tensor([0, 1]), seeded())
    assert found.tolist() == [1, 0, 1]
    with pytest.raises(UsageError, match="one more class"):
        wrong_columns(torch.tensor([0]), torch.tensor([0]), seeded())


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=20),
    st.sets(st.integers(0, 5), min_size=2),
    st.integers(0, 9),
)
def test_always_wrong_and_always_allowed(target: list[int], allowed: set[int], seed: int) -> None:
    found = wrong_columns(torch.tensor(target), torch.tensor(sorted(allowed)), seeded(seed)).tolist()
    assert set(found) <= allowed
    assert all(one != other for one, other in zip(found, target, strict=True))


def test_each_wrong_label_is_equally_likely() -> None:
    found = wrong_columns(torch.zeros(9000, dtype=torch.long), torch.tensor([0, 2, 3, 5]), seeded())
    shares = torch.bincount(found, minlength=6) / len(found)
    torch.testing.assert_close(shares[[2, 3, 5]], torch.full((3,), 1 / 3), rtol=0, atol=0.02)
    assert shares[0] == 0


def test_retained_labels_stay() -> None:
    gone = numbered(0, 3).with_target(torch.tensor([0, 0, 0]))
    kept = numbered(10, 4).with_target(torch.tensor([1, 2, 1, 2]))
    both = relabelled(gone, kept, seeded())
    assert set(both.target[:3].tolist()) <= {1, 2}
    assert both.target[3:].tolist() == [1, 2, 1, 2]
