from __future__ import annotations

from preforget.classifier import PreForgettableClassifier

from .tiny import CLASSES, columns, data, place, state


def test_a_copy_knows_the_same_and_is_bound_to_no_folder(saved: PreForgettableClassifier) -> None:
    images = data(3, seed=2)[0]
    saved.detach("bee")
    before, files = columns(saved, images), sorted(place(saved).rglob("*"))
    copy = saved.copy()
    assert copy.folder is None
    assert copy.labels == saved.labels == ["ant", "cat", "dog"]
    assert columns(copy, images) == before
    copy.forget("cat")
    copy.attach("bee")
    assert copy.labels == ["ant", "bee", "dog"]
    assert columns(saved, images) == before
    assert sorted(place(saved).rglob("*")) == files


def test_a_copy_of_the_exact_engine(exact: PreForgettableClassifier) -> None:
    before, copy = state(exact), exact.copy()
    assert state(copy) == before
    copy.forget_subject("person 1")
    assert state(exact) == before
    assert exact.engine_.encoder is copy.engine_.encoder


def test_a_model_of_the_same_kind_that_has_learned_nothing(saved: PreForgettableClassifier) -> None:
    other = saved.untrained(seed=5)
    assert other.folder is None
    assert other.fit(*data()).labels == CLASSES
    assert other.engine_.config.seed == 5
    assert other.engine_.encoder is saved.engine_.encoder


def test_a_model_around_an_engine(model: PreForgettableClassifier) -> None:
    images = data(3, seed=2)[0]
    other = PreForgettableClassifier.from_engine(model.engine_, keep=0.5)
    assert columns(other, images) == columns(model, images)
    assert other.keep == 0.5
