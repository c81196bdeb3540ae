from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from preforget.baselines import LoraHead
from preforget.baselines.fine_tune import FineTune, FineTuneConfig
from preforget.baselines.neg_grad_plus import NegGradPlus, NegGradPlusConfig, neg_grad_plus_loss
from preforget.core.errors import UsageError
from preforget.data.dataset import Split

from .conftest import seeded


def test_by_hand_value_and_signs() -> None:
    """Even answers of two classes cost ln 2; a descent raises the true logit of the retained, lowers the forgotten."""
    kept, gone = torch.zeros(1, 2, requires_grad=True), torch.zeros(1, 2, requires_grad=True)
    target = torch.tensor([0])
    loss = neg_grad_plus_loss(kept, target, gone, target, beta=0.75)
    assert loss.item() == pytest.approx(0.75 * math.log(2) - 0.25 * math.log(2))
    loss.backward()
    assert kept.grad is not None
    assert gone.grad is not None
    assert kept.grad.tolist()[0] == pytest.approx([-0.375, 0.375])
    assert gone.grad.tolist()[0] == pytest.approx([0.125, -0.125])


def test_against_a_loop_and_one_side_alone() -> None:
    kept, gone = torch.randn(4, 3, generator=seeded()), torch.randn(2, 3, generator=seeded(1))
    kept_target, gone_target = torch.tensor([0, 1, 2, 0]), torch.tensor([1, 1])

    def naive(logits: torch.Tensor, target: torch.Tensor) -> float:
        rows = zip(logits.double().softmax(dim=1).tolist(), target.tolist(), strict=True)
        return sum(-math.log(row[t]) for row, t in rows) / len(target)

    for beta in (0.0, 0.3, 1.0):
        found = neg_grad_plus_loss(kept, kept_target, gone, gone_target, beta).item()
        expected = beta * naive(kept, kept_target) - (1 - beta) * naive(gone, gone_target)
        assert found == pytest.approx(expected, rel=1e-5)


def test_beta_zero_raises_the_loss_on_the_forgotten_images(
    original: LoraHead, forget: Split, retain: Split
) -> None:
    method = NegGradPlus(NegGradPlusConfig(epochs=1, batch_size=8, learning_rate=1e-3, beta=0.0))
    found = method.unlearn(original, forget, retain, seeded())
    target = torch.zeros(len(forget), dtype=torch.long)
    before, after = (
        F.cross_entropy(torch.from_numpy(model.scores(forget.inputs)), target).item()
        for model in (original, found)
    )
    assert after > before


def test_beta_one_is_fine_tuning_in_expectation(original: LoraHead, forget: Split, retain: Split) -> None:
    """The forgotten images have no weight, so only their dropout draws differ from fine-tuning."""
    options = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-4}
    one = NegGradPlus(NegGradPlusConfig(**options, beta=1.0)).unlearn(original, forget, retain, seeded())  # type: ignore[arg-type]
    other = FineTune(FineTuneConfig(**options)).unlearn(original, forget, retain, seeded())  # type: ignore[arg-type]
    for name, tensor in one.parameters.items():
        torch.testing.assert_close(tensor, other.parameters[name], rtol=0, atol=1e-3)


def test_says_what_is_wrong() -> None:
    with pytest.raises(UsageError, match="beta"):
        NegGradPlusConfig(beta=1.5)
