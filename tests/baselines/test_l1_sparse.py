from __future__ import annotations

import torch

from preforget.baselines import LoraHead
from preforget.baselines.fine_tune import FineTune, FineTuneConfig
from preforget.baselines.l1_sparse import L1Sparse, L1SparseConfig, l1_norm, weight_at
from preforget.data.dataset import Split

from .conftest import same, seeded


def test_by_hand_norm_and_schedule() -> None:
    assert l1_norm({"a": torch.tensor([1.0, -2.0]), "b": torch.tensor([[-3.0]])}).item() == 6.0
    assert [weight_at(2.0, epoch, 4) for epoch in range(4)] == [2.0, 1.5, 1.0, 0.5]


def test_its_gradient_is_the_sign() -> None:
    tensor = torch.tensor([2.0, -0.5, 0.0], requires_grad=True)
    assert torch.autograd.grad(l1_norm({"a": tensor}), tensor)[0].tolist() == [1.0, -1.0, 0.0]


def test_without_a_penalty_it_is_fine_tuning(original: LoraHead, forget: Split, retain: Split) -> None:
    one = L1Sparse(L1SparseConfig(1, 8, 1e-3, gamma=0.0)).unlearn(original, forget, retain, seeded())
    other = FineTune(FineTuneConfig(1, 8, 1e-3)).unlearn(original, forget, retain, seeded())
    assert same(one, other)


def test_a_stronger_penalty_leaves_a_smaller_norm(original: LoraHead, forget: Split, retain: Split) -> None:
    norms = [
        l1_norm(
            L1Sparse(L1SparseConfig(3, 8, 1e-2, gamma=gamma))
            .unlearn(original, forget, retain, seeded())
            .parameters
        ).item()
        for gamma in (0.0, 1e-2, 1.0)
    ]
    assert norms[2] < norms[1] < norms[0]
    assert norms[2] < 0.9 * norms[0]
