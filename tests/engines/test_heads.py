from __future__ import annotations

from itertools import combinations

import pytest
import torch
import torch.nn.functional as F

from preforget.engines.covariance import FullCovariance
from preforget.engines.discriminant import Gaussian
from preforget.engines.heads import SOFTNESS, Heads, PairHeads, PooledHeads, RidgeHead

SIZE = 3


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pair_heads(classes: int) -> PairHeads:
    pairs = classes * (classes - 1) // 2
    gaussians = [
        Gaussian(numbers(2, seed=c), FullCovariance(torch.eye(2, dtype=torch.float64)))
        for c in range(classes)
    ]
    return PairHeads(numbers(pairs, SIZE), numbers(pairs, seed=1), gaussians)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_a_class_scores_the_log_sigmoids_of_its_pairs(classes: int) -> None:
    heads, x = pair_heads(classes), numbers(4, SIZE, seed=7)
    expected = torch.zeros(4, classes, dtype=torch.float64)
    for place, (i, j) in enumerate(combinations(range(classes), 2)):
        logit = x @ heads.rows[place] + heads.biases[place]
        expected[:, i] += F.logsigmoid(logit)
        expected[:, j] += F.logsigmoid(-logit)
    torch.testing.assert_close(heads.scores(x), expected)


def test_a_boost_is_added_to_the_logits() -> None:
    heads, x, boost = pair_heads(3), numbers(4, SIZE), numbers(4, 3, seed=3)
    other = pair_heads(3)
    other.biases = other.biases + boost[0]
    torch.testing.assert_close(heads.scores(x[:1], boost[:1]), other.scores(x[:1]))


def test_confidence_of_pairs_by_hand() -> None:
    heads, x = pair_heads(3), numbers(6, SIZE, seed=5)
    best = heads.scores(x).argmax(dim=1)
    for row in range(6):
        margins = []
        for place, names in enumerate(combinations(range(3), 2)):
            if int(best[row]) in names:
                sign = 1 if names[0] == best[row] else -1
                logit = x[row] @ heads.rows[place] + heads.biases[place]
                margins.append(F.logsigmoid(SOFTNESS * sign * logit))
        energy = heads.gaussians[int(best[row])].energy(x[row : row + 1, :2])
        found = heads.confidence(x[row : row + 1], x[row : row + 1][:, :2])
        torch.testing.assert_close(found, (sum(margins) / 2 + energy).view(1))


def test_one_class_is_judged_by_its_energy_alone() -> None:
    gaussian = Gaussian(
        torch.zeros(2, dtype=torch.float64), FullCovariance(torch.eye(2, dtype=torch.float64))
    )
    heads = PairHeads(torch.zeros(0, SIZE).double(), torch.zeros(0).double(), [gaussian])
    x = numbers(5, SIZE)
    assert not heads.scores(x).any()
    torch.testing.assert_close(heads.confidence(x, x[:, :2]), gaussian.energy(x[:, :2]))


def test_pooled_scores_are_log_shares_and_confidence_agrees_with_pairs() -> None:
    rows, biases, means = numbers(4, SIZE), numbers(4, seed=1), numbers(4, 2, seed=2)
    gaussian = Gaussian(means[0], FullCovariance(torch.eye(2, dtype=torch.float64)))
    heads, x = PooledHeads(rows, biases, means, gaussian), numbers(6, SIZE, seed=4)
    linear = x @ rows.T + biases
    torch.testing.assert_close(heads.scores(x).exp().sum(dim=1), torch.ones(6, dtype=torch.float64))
    names = list(combinations(range(4), 2))
    pairs = PairHeads(
        torch.stack([rows[i] - rows[j] for i, j in names]),
        torch.stack([biases[i] - biases[j] for i, j in names]),
        [Gaussian(mean, FullCovariance(torch.eye(2, dtype=torch.float64))) for mean in means],
    )
    assert torch.equal(heads.scores(x).argmax(1), linear.argmax(1))
    torch.testing.assert_close(heads.confidence(x, x[:, :2]), pairs.confidence(x, x[:, :2]))


def test_a_background_is_taken_off_the_energy_of_the_answered_class() -> None:
    unit = FullCovariance(torch.eye(SIZE, dtype=torch.float64))
    wide = FullCovariance(2 * torch.eye(SIZE, dtype=torch.float64))
    means, x = numbers(4, SIZE, seed=2), numbers(5, SIZE, seed=3)
    within, background = Gaussian(means[0], unit), Gaussian(numbers(SIZE, seed=4), wide)
    heads = PooledHeads(means, -means.square().sum(dim=1) / 2, means, within, background=background)
    nearest = torch.cdist(x, means).argmin(dim=1)
    expected = within.energy(x, means[nearest]) - background.energy(x)
    torch.testing.assert_close(heads.confidence(x, x), expected)


@pytest.mark.parametrize("many", [False, True])
def test_a_regression_is_added_to_log_shares_that_have_a_floor(many: bool) -> None:
    ridge, x = RidgeHead(numbers(3, SIZE), numbers(3, seed=1), 20.0), 1000 * numbers(4, SIZE, seed=7)
    unit = FullCovariance(torch.eye(SIZE, dtype=torch.float64))
    heads: Heads = pair_heads(3)
    if many:
        heads = PooledHeads(numbers(3, SIZE), numbers(3), numbers(3, SIZE), Gaussian(x[0], unit))
    plain = torch.log_softmax(heads.scores(x), dim=1)
    heads.ridge = ridge  # type: ignore[attr-defined]
    expected = plain.clamp(min=-50) + 20 * (x @ ridge.rows.T + ridge.biases)
    assert (plain < -50).any()
    torch.testing.assert_close(heads.scores(x), expected)
    heads.wipe()
    assert not ridge.rows.any()


def test_odd_logits_lower_confidence_by_a_quarter_of_their_oddness() -> None:
    heads, x = pair_heads(2), numbers(6, SIZE, seed=5)
    before = heads.confidence(x, x[:, :2])
    held_out = [numbers(30, SIZE, seed=8), numbers(25, SIZE, seed=9)]
    heads.measure(held_out)
    best = heads.scores(x).argmax(dim=1)
    logits = [F.linear(rows, heads.rows, heads.biases)[:, 0] for rows in (*held_out, x)]
    for row in range(6):
        own = logits[int(best[row])]
        t = (logits[2][row] - own.mean()) / own.std(correction=0)
        found = heads.confidence(x, x[:, :2])[row]
        torch.testing.assert_close(found, before[row] - 0.25 * t**2 / 20, rtol=1e-5, atol=1e-7)
