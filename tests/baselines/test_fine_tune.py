from __future__ import annotations

import torch

from preforget.baselines import LoraHead
from preforget.baselines.examples import columns, reading
from preforget.baselines.fine_tune import FineTune, FineTuneConfig
from preforget.data.dataset import Split

from .conftest import accuracy, same, seeded


def test_against_a_plain_loop(original: LoraHead, forget: Split, retain: Split) -> None:
    """One step on all retained images is one step of Adam: the rate against the gradient's sign."""
    rate = 1e-3
    config = FineTuneConfig(epochs=1, batch_size=len(retain), learning_rate=rate)
    found = FineTune(config).unlearn(original, forget, retain, seeded())
    with reading(original, retain) as (kept,):
        moved = {name: found.parameters[name] - tensor for name, tensor in original.parameters.items()}
        states, target = kept.batch(torch.arange(len(kept)))
        parameters = original.copied()
        loss = torch.nn.functional.cross_entropy(original.logits(parameters, states), target)
        gradient = torch.autograd.grad(loss, parameters["head.bias"])[0]
    assert max(step.abs().max().item() for step in moved.values()) <= rate * 1.01
    # dropout changes the gradient a little; signs of the largest stay
    largest = gradient.abs().argmax()
    assert moved["head.bias"][largest].sign() == -gradient[largest].sign()


def test_it_learns_the_retained_images_and_nothing_pushes_the_others_away(
    original: LoraHead, forget: Split, retain: Split
) -> None:
    """What it minimises falls; on so easy a problem forgotten images keep their answer."""

    def loss(model: LoraHead) -> float:
        scores = torch.from_numpy(model.scores(retain.inputs))
        return torch.nn.functional.cross_entropy(scores, columns(model.labels, retain)).item()

    method = FineTune(FineTuneConfig(epochs=5, batch_size=8, learning_rate=1e-2))
    found = method.unlearn(original, forget, retain, seeded())
    assert loss(found) < loss(original)
    assert accuracy(found, forget) == 1.0


def test_forgotten_images_are_not_looked_at(original: LoraHead, forget: Split, retain: Split) -> None:
    method = FineTune(FineTuneConfig(epochs=1, batch_size=8))
    assert same(
        method.unlearn(original, forget, retain, seeded()),
        method.unlearn(original, forget.select([0]), retain, seeded()),
    )
