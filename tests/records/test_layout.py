from __future__ import annotations

import pytest
import torch

from preforget.records.layout import Layout

ROWS = torch.tensor([[1, 2, 7], [3, 4, 9]], dtype=torch.int16)


def test_versions_are_averaged_for_scores_and_kept_for_energies() -> None:
    layout = Layout(2, 1, 2)
    assert layout.width == 3
    assert layout.scored(ROWS).tolist() == [[2.0, 3.0]]
    assert layout.near_rows(ROWS).tolist() == [[7.0], [9.0]]
    assert layout.averaged(torch.tensor([1.0, 2.0])).tolist() == [1.5]


def test_the_plainest_uses_all_numbers_for_both_and_says_nothing() -> None:
    layout = Layout(3)
    assert layout.tensors() == {}
    assert torch.equal(layout.scored(ROWS), ROWS.double())
    assert torch.equal(layout.near_rows(ROWS), ROWS.double())
    assert Layout.of({}, 3) == layout


@pytest.mark.parametrize("layout", [Layout(2, 1), Layout(3, 0, 2), Layout(1, 2, 3)])
def test_there_and_back(layout: Layout) -> None:
    assert Layout.of(layout.tensors(), 3) == layout


@pytest.mark.parametrize(
    "given", [[0, 1], [3, 1], [-1, 2], [1, 0], [1, 99], [1, 1, 1]], ids=lambda given: str(given)
)
def test_what_can_be_none(given: list[int]) -> None:
    assert Layout.of({"layout": torch.tensor(given)}, 3) is None
    assert Layout.of({"layout": torch.tensor(given[:2]).double()}, 3) is None
