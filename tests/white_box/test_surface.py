"""The open weights of each engine say what the model says, and a class built by hand is scored as the engine would."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from preforget.classifier import PreForgettableClassifier
from preforget.data import Split
from preforget.white_box.open_model import surface_of


def test_live_scores_are_the_model_s_own(model: PreForgettableClassifier, split: Split) -> None:
    surface = surface_of(model)
    read = surface.read(split.inputs)
    rows = torch.tensor([4, 0, 7])
    found = surface.logits(read, rows)
    expected = model.scores(split.inputs)[rows.numpy()]
    assert surface.labels == tuple(model.labels)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-4)


def test_open_scores_are_the_model_s_own_and_lead_back_to_the_pixels(
    model: PreForgettableClassifier, split: Split
) -> None:
    surface = surface_of(model)
    rows = torch.tensor([1, 5])
    pixels = surface.pixels(split.inputs, rows).requires_grad_()
    found = surface.open(pixels)
    np.testing.assert_allclose(
        found.detach().numpy(), model.scores(split.inputs)[rows.numpy()], rtol=1e-4, atol=1e-4
    )
    (slope,) = torch.autograd.grad(found[:, 0].sum(), pixels)
    assert slope.abs().max() > 0
    step = 1e-3 * slope / slope.norm()
    with torch.no_grad():
        moved = (surface.open(pixels + step) - found)[:, 0].sum()
    if model.engine_.name != "exact":  # there, rounding makes a step of its own
        assert float(moved) == pytest.approx(float((step * slope).sum()), rel=0.1)


def test_the_score_of_one_class_more_is_its_readout_times_its_row(
    model: PreForgettableClassifier, split: Split
) -> None:
    surface = surface_of(model)
    generator = torch.Generator().manual_seed(3)
    read, rows = surface.read(split.inputs), torch.arange(len(split))
    new = surface.start(2, generator)
    assert set(new) == {*surface.prompt_names, "row", "bias"}
    assert not new["row"].any()
    new["row"] = torch.randn(new["row"].shape, generator=generator)
    new["bias"] = torch.tensor(0.25)
    own = surface.logits(read, rows, new)[:, -1]
    expected = surface.readout(read, rows, new) @ new["row"].flatten() + 0.25
    torch.testing.assert_close(own, expected, rtol=1e-4, atol=1e-4)


def test_a_new_class_learns_and_nothing_else_does(model: PreForgettableClassifier, split: Split) -> None:
    surface = surface_of(model)
    before = [record.digest() for record in model.engine_.records()]
    read, rows = surface.read(split.inputs), torch.arange(len(split))
    new = {n: t.requires_grad_() for n, t in surface.start(1, torch.Generator().manual_seed(0)).items()}
    logits = surface.logits(read, rows, new)
    torch.nn.functional.cross_entropy(logits, torch.full((len(split),), logits.shape[1] - 1)).backward()
    assert new["row"].grad.abs().max() > 0
    assert [record.digest() for record in model.engine_.records()] == before


def test_copies_of_live_weights_give_the_live_scores_and_can_be_trained(
    model: PreForgettableClassifier, split: Split
) -> None:
    surface = surface_of(model)
    live = surface.live()
    if model.engine_.name == "exact":
        assert live == {}
        return
    read, rows = surface.read(split.inputs), torch.arange(4)
    torch.testing.assert_close(
        surface.logits(read, rows, live=live), surface.logits(read, rows), rtol=1e-4, atol=1e-4
    )
    trained = {name: tensor.requires_grad_() for name, tensor in live.items()}
    surface.logits(read, rows, live=trained).sum().backward()
    assert trained["prompt"].grad is not None
    for tensor in live.values():
        with torch.no_grad():
            tensor.zero_()
    torch.testing.assert_close(surface.logits(read, rows), surface.logits(read, rows, live=surface.live()))


def test_features_are_the_states_of_cls(model: PreForgettableClassifier, split: Split) -> None:
    surface = surface_of(model)
    found = surface.features(split.inputs)
    encoder = model.engine_.encoder
    assert [f.shape for f in found] == [(len(split), encoder.dim)] * encoder.depth
    plain = encoder.states(encoder.read(split.inputs, range(len(split))), slice(1, 4))[:, :, 0].numpy()
    same = [
        np.allclose(one, other, atol=1e-5) for one, other in zip(found, plain.transpose(1, 0, 2), strict=True)
    ]
    assert same == ([True] * 3 if model.engine_.name != "paper" else [True, False, False])
