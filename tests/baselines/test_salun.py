from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from preforget.baselines import LoraHead
from preforget.baselines.examples import reading
from preforget.baselines.salun import SalUn, SalUnConfig, forgetting_gradient, saliency_mask
from preforget.core.errors import UsageError
from preforget.data.dataset import Split

from .conftest import seeded


def test_by_hand_the_larger_half() -> None:
    gradients = {"a": torch.tensor([[1.0, -4.0]]), "b": torch.tensor([3.0, 0.0])}
    found = saliency_mask(gradients, share=0.5)
    assert found["a"].tolist() == [[0.0, 1.0]]
    assert found["b"].tolist() == [1.0, 0.0]


@given(st.lists(st.floats(-5, 5, width=32), min_size=2, max_size=30), st.floats(0, 1))
def test_the_size_is_exact_and_no_smaller_gradient_is_taken(values: list[float], share: float) -> None:
    gradients = {"a": torch.tensor(values[:1]), "b": torch.tensor(values[1:])}
    mask = torch.cat(list(saliency_mask(gradients, share).values())).bool()
    sizes = torch.tensor(values).abs()
    assert mask.sum().item() == round(share * len(values))
    if mask.any() and not mask.all():
        assert sizes[mask].min() >= sizes[~mask].max()


def test_masked_parameters_do_not_move(original: LoraHead, forget: Split, retain: Split) -> None:
    config = SalUnConfig(epochs=2, batch_size=8, learning_rate=1e-2, share=0.3)
    found = SalUn(config).unlearn(original, forget, retain, seeded())
    with reading(original, forget) as (gone,):
        masks = saliency_mask(forgetting_gradient(original, gone), 0.3)
    moved = 0
    for name, tensor in original.parameters.items():
        still = masks[name] == 0
        assert torch.equal(found.parameters[name][still], tensor[still])
        moved += int((found.parameters[name] != tensor).sum())
    count = sum(int(mask.sum()) for mask in masks.values())
    assert 0.9 * count < moved <= count


def test_gradient_is_that_of_the_mean_loss_in_any_batches(original: LoraHead, train: Split) -> None:
    parameters = original.copied()
    with reading(original, train) as (examples,):
        found = forgetting_gradient(original, examples)
        states, target = examples.batch(torch.arange(len(train)))
        loss = torch.nn.functional.cross_entropy(original.logits(parameters, states), target)
        expected = torch.autograd.grad(loss, list(parameters.values()))
    for gradient, other in zip(found.values(), expected, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-3, atol=1e-5)


def test_says_what_is_wrong() -> None:
    with pytest.raises(UsageError, match="share"):
        SalUnConfig(share=2)
