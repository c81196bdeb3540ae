from __future__ import annotations

from itertools import combinations

import pytest
import torch
import torch.nn.functional as F

from preforget.engines.discriminant import Gaussian
from preforget.engines.heads import SOFTNESS, PairHeads, PooledHeads

SIZE = 3


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pair_heads(classes: int) -> PairHeads:
    pairs = classes * (classes - 1) // 2
    gaussians = [Gaussian(numbers(2, seed=c), torch.eye(2, dtype=torch.float64)) for c in range(classes)]
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
    gaussian = Gaussian(torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64))
    heads = PairHeads(torch.zeros(0, SIZE).double(), torch.zeros(0).double(), [gaussian])
    x = numbers(5, SIZE)
    assert not heads.scores(x).any()
    torch.testing.assert_close(heads.confidence(x, x[:, :2]), gaussian.energy(x[:, :2]))


def test_pooled_scores_are_log_shares_and_confidence_agrees_with_pairs() -> None:
    rows, biases, means = numbers(4, SIZE), numbers(4, seed=1), numbers(4, 2, seed=2)
    gaussian = Gaussian(means[0], torch.eye(2, dtype=torch.float64))
    heads, x = PooledHeads(rows, biases, means, gaussian), numbers(6, SIZE, seed=4)
    linear = x @ rows.T + biases
    torch.testing.assert_close(heads.scores(x).exp().sum(dim=1), torch.ones(6, dtype=torch.float64))
    names = list(combinations(range(4), 2))
    pairs = PairHeads(
        torch.stack([rows[i] - rows[j] for i, j in names]),
        torch.stack([biases[i] - biases[j] for i, j in names]),
        [Gaussian(mean, torch.eye(2, dtype=torch.float64)) for mean in means],
    )
    assert torch.equal(heads.scores(x).argmax(1), linear.argmax(1))
    torch.testing.assert_close(heads.confidence(x, x[:, :2]), pairs.confidence(x, x[:, :2]))
