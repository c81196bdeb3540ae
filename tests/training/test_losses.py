from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from scipy.stats import entropy

from preforget.training.losses import abstain_loss, answer_loss, uniform_loss, with_abstain


@pytest.fixture
def scores() -> torch.Tensor:
    return torch.randn(17, 5, generator=torch.Generator().manual_seed(0)) * 3


@pytest.fixture
def target() -> torch.Tensor:
    return torch.arange(17) % 5


def test_abstain_column_scores_zero(scores: torch.Tensor) -> None:
    wide = with_abstain(scores)
    assert wide.shape == (17, 6)
    assert torch.equal(wide[:, :5], scores)
    assert not wide[:, 5].any()


def test_answer_loss_by_hand() -> None:
    """One class of odds 3 beside abstain: probability 3/4."""
    loss = answer_loss(torch.tensor([[math.log(3)]]), torch.tensor([0]))
    assert loss.item() == pytest.approx(-math.log(3 / 4))


def test_abstain_loss_by_hand() -> None:
    """Odds 7 (the true class, taken out), 3 and 1 for abstain: probability of abstain 1/4."""
    loss = abstain_loss(torch.tensor([[math.log(7), math.log(3)]]), torch.tensor([0]))
    assert loss.item() == pytest.approx(-math.log(1 / 4))


def test_uniform_loss_by_hand() -> None:
    """Softmax (3/4, 1/4): 1/2 log(1/2 / 3/4) + 1/2 log(1/2 / 1/4)."""
    loss = uniform_loss(torch.tensor([[math.log(3), 0.0]]))
    assert loss.item() == pytest.approx(0.5 * math.log(2 / 3) + 0.5 * math.log(2))


def test_answer_loss_against_scipy(scores: torch.Tensor, target: torch.Tensor) -> None:
    wide = np.pad(scores.double().numpy(), ((0, 0), (0, 1)))
    expected = -log_softmax(wide, axis=1)[np.arange(17), target.numpy()].mean()
    assert answer_loss(scores, target).item() == pytest.approx(expected, rel=1e-5)


def test_abstain_loss_is_that_of_a_model_without_the_class(
    scores: torch.Tensor, target: torch.Tensor
) -> None:
    expected = []
    for row, own in zip(scores.double().numpy(), target.tolist(), strict=True):
        expected.append(-log_softmax(np.append(np.delete(row, own), 0.0))[-1])
    assert abstain_loss(scores, target).item() == pytest.approx(np.mean(expected), rel=1e-5)


def test_uniform_loss_against_scipy(scores: torch.Tensor) -> None:
    shares = softmax(scores.double().numpy(), axis=1)
    expected = entropy(np.full_like(shares, 1 / 5), shares, axis=1).mean()
    assert uniform_loss(scores).item() == pytest.approx(expected, rel=1e-5)


def test_abstain_loss_gives_the_true_class_no_gradient(scores: torch.Tensor, target: torch.Tensor) -> None:
    scores.requires_grad_()
    (gradient,) = torch.autograd.grad(abstain_loss(scores, target), scores)
    assert not gradient.gather(1, target[:, None]).any()
    others = gradient.scatter(1, target[:, None], 1.0)
    assert (others > 0).all()


def test_answer_loss_pulls_the_true_class_up_and_all_others_down(
    scores: torch.Tensor, target: torch.Tensor
) -> None:
    scores.requires_grad_()
    (gradient,) = torch.autograd.grad(answer_loss(scores, target), scores)
    own = torch.nn.functional.one_hot(target, 5).bool()
    assert (gradient[own] < 0).all()
    assert (gradient[~own] > 0).all()


def test_uniform_loss_is_zero_only_where_logits_are_equal_and_ignores_a_shift(scores: torch.Tensor) -> None:
    assert uniform_loss(torch.full((4, 7), 2.5)).item() == pytest.approx(0, abs=1e-6)
    assert uniform_loss(scores).item() > 0
    assert uniform_loss(scores + 4).item() == pytest.approx(uniform_loss(scores).item(), rel=1e-5)
