from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from preforget.classifier import PreForgettableClassifier
from preforget.core.abstain import ABSTAIN
from preforget.core.errors import UsageError
from preforget.data import Split
from preforget.data.dataset import label_array
from preforget.engines import for_multilabel
from preforget.engines.multilabel_isolated import MultilabelIsolatedEngine, sigmoid

from .conftest import MakeEngine


def pictures_of(count: int, conditions: str = "abc", seed: int = 0) -> Split:
    """Noise in which the left half is light for "a", the upper half for "b", the middle for "c"."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 90, (count, 16, 16), dtype=np.uint8)
    labels = []
    for image, row in zip(images, rng.random((count, 3)) < 0.5, strict=True):
        places = (np.s_[:, :8], np.s_[:8, :], np.s_[4:12, 4:12])
        own = tuple(name for name, yes in zip("abc", row, strict=True) if yes and name in conditions)
        for place, yes in zip(places, row, strict=True):
            if yes:
                image[place] += 80
        labels.append(own)
    return Split(images, label_array(labels))


def model(tiny_vit: Path, seed: int = 0) -> PreForgettableClassifier:
    return PreForgettableClassifier(
        str(tiny_vit), image_size=16, epochs=6, batch_size=16, device="cpu", dtype="float32", seed=seed
    )


def test_it_learns_and_forgets_and_the_others_stay_the_same_bits(tiny_vit: Path, tmp_path: Path) -> None:
    train, test = pictures_of(160), pictures_of(40, seed=1)
    m = model(tiny_vit).fit(train)
    assert isinstance(m.engine_, MultilabelIsolatedEngine)
    before = m.scores(test.inputs)
    m.save_pretrained(tmp_path / "m")
    m.forget("b")
    assert m.labels == ["a", "c"]
    assert m.scores(test.inputs).tobytes() == np.ascontiguousarray(before[:, [0, 2]]).tobytes()
    answers = m.predict(test.inputs)
    assert not any("b" in answer for answer in answers if answer is not ABSTAIN)
    again = PreForgettableClassifier.from_pretrained(tmp_path / "m", device="cpu")
    assert again.predict(test.inputs).tolist() == answers.tolist()
    assert b"isolated-multilabel" in (tmp_path / "m" / "preforget.json").read_bytes()


def test_a_condition_is_learned_as_if_others_had_never_been(tiny_vit: Path) -> None:
    """To rounding: matrix products have other shapes, and Adam sees the same gradients otherwise."""
    all_three, two = pictures_of(96), pictures_of(96, conditions="ac")
    test = pictures_of(20, seed=1)
    with_b, without_b = (model(tiny_vit).fit(part).scores(test.inputs) for part in (all_three, two))
    assert np.allclose(with_b[:, [0, 2]], without_b, atol=2e-2)


def test_a_condition_is_added(tiny_vit: Path) -> None:
    train, test = pictures_of(96, conditions="ac"), pictures_of(20, seed=1)
    m = model(tiny_vit).fit(train)
    before = m.scores(test.inputs)
    m.add("b", pictures_of(96))
    assert m.labels == ["a", "b", "c"]
    assert np.ascontiguousarray(m.scores(test.inputs)[:, [0, 2]]).tobytes() == before.tobytes()


def test_loss_by_hand(make_engine: MakeEngine) -> None:
    engine = for_multilabel(make_engine())
    assert isinstance(engine, MultilabelIsolatedEngine)
    scores, target = torch.tensor([[0.0, 2.0], [-1.0, 3.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    own = -(F.logsigmoid(scores) * target + F.logsigmoid(-scores) * (1 - target)).sum(dim=1).mean()
    assert torch.allclose(engine.loss(scores, torch.zeros(2, 2), target), own + 2 * np.log(2))


def test_the_loss_of_one_condition_has_no_other_in_it(make_engine: MakeEngine) -> None:
    engine = for_multilabel(make_engine())
    assert isinstance(engine, MultilabelIsolatedEngine)
    scores = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    target = (torch.rand(5, 3, generator=torch.Generator().manual_seed(1)) < 0.5).float()
    (whole,) = torch.autograd.grad(engine.loss(scores, scores.detach(), target), scores)
    one = scores[:, :1].detach().requires_grad_()
    (alone,) = torch.autograd.grad(engine.loss(one, one.detach(), target[:, :1]), one)
    assert torch.allclose(whole[:, :1], alone)


def test_probabilities_are_independent() -> None:
    scores = np.array([[0.0, 1000.0, -1000.0]], dtype=np.float32)
    assert sigmoid(scores).tolist() == [[0.5, 1.0, 0.0]]


def test_the_paper_engine_has_one_label(tiny_vit: Path) -> None:
    m = PreForgettableClassifier(str(tiny_vit), "paper", 16, device="cpu")
    with pytest.raises(UsageError, match="for several choose isolated or exact"):
        m.fit(pictures_of(20))
