"""Both forms of a covariance beside the inverse in float64, and where there is nothing to invert."""

from __future__ import annotations

import pytest
import torch

from preforget.engines.covariance import Covariance, FullCovariance, RowCovariance

SIZE = 12


def drawn(count: int, seed: int) -> torch.Tensor:
    return torch.randn(count, SIZE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("scale", [0.3, 0.0])
def test_both_forms_are_the_inverse_of_the_matrix(scale: float) -> None:
    rows, right, level = drawn(5, 0), drawn(3, 1), 0.7
    matrix = scale * rows.T @ rows + level * torch.eye(SIZE, dtype=torch.float64)
    inverse = torch.linalg.inv(matrix)
    forms: tuple[Covariance, ...] = (
        FullCovariance(matrix.clone()),
        RowCovariance(rows.clone(), rows @ rows.T, scale, level),
    )
    for form in forms:
        torch.testing.assert_close(form.solve(right), right @ inverse)
        torch.testing.assert_close(form.distances(right), ((right @ inverse) * right).sum(dim=1))
        assert form.half_log_det == pytest.approx(float(torch.logdet(matrix)) / 2)
        form.wipe()
    assert not forms[1].rows.any()  # type: ignore[attr-defined]


def test_no_rows_leave_the_level_alone() -> None:
    none = RowCovariance(drawn(0, 0), torch.zeros(0, 0, dtype=torch.float64), 1.0, 2.0)
    assert torch.equal(none.solve(drawn(2, 1)), drawn(2, 1) / 2)
