"""Sequences of forgetting: numbers by hand, beside a naive loop, and on real engines."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preforget.audit.attacks.attack import Effort
from preforget.audit.attacks.observe import Parts
from preforget.audit.attacks.sequence import (
    ABOUT,
    forgetting_order,
    mixed_rows,
    run,
    score_step,
    summary,
)
from preforget.classifier import PreForgettableClassifier
from preforget.core.abstain import ABSTAIN
from preforget.core.errors import DataError
from preforget.data import Split
from preforget.data.dataset import label_array

from ..conftest import coloured

Make = Callable[..., PreForgettableClassifier]
QUICK = Effort("quick")


def parts_of(train: Split, test: Split, label: str = "red") -> Parts[Split]:
    return Parts(train.only(label), test.only(label), train.without(label), test.without(label))


@pytest.fixture
def unlearned(model: PreForgettableClassifier) -> PreForgettableClassifier:
    copy = model.copy()
    copy.forget("red")
    return copy


def test_a_step_by_hand() -> None:
    truth = label_array(["a", "a", "a", "b", "c", "c"])
    best = label_array(["a", "b", "a", "b", "a", "b"])
    answers = np.array(["a", ABSTAIN, "a", "b", "a", ABSTAIN], dtype=object)
    # live a and b: 3 of 4 right, 3 of 4 are a; of the two c's one is answered
    assert score_step(truth, best, answers, ["a", "b"]) == {"ra": 0.75, "prior": 0.75, "false_accept": 0.5}
    assert score_step(truth[:4], best[:4], answers[:4], ["a", "b"]) == {"ra": 0.75, "prior": 0.75}


def test_values_by_hand() -> None:
    found = summary(
        ra=[[0.9, 0.8, 0.85, 1.0], [0.9, 0.9, 0.6, 1.0]],
        false_accept=[[None, 0.1, 0.2, 0.3], [0.5, 0.0, 0.0, 0.0]],
        prior=[[0.3, 0.4, 0.5, 1.0], [0.3, 0.4, 0.5, 1.0]],
    )
    assert found == pytest.approx(
        {
            "ra_mean": (0.8 + 0.85 + 1.0 + 0.9 + 0.6 + 1.0) / 6,
            "ra_half": (0.85 + 0.6) / 2,
            "worst_drop": 0.3,
            "false_accept_mean": 0.1,
            "prior_mean": 1.9 / 3,
        }
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_step_is_what_a_naive_loop_counts_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names, live = list("abcd"), list("abc")
    truth = label_array([*names, *rng.choice(names, 26)])
    best = label_array([str(x) for x in rng.choice(live, 30)])
    answers = np.array([b if rng.random() < 0.5 else ABSTAIN for b in best], dtype=object)
    found = score_step(truth, best, answers, live)
    right = total = answered = gone = 0
    for t, b, a in zip(truth, best, answers, strict=True):
        if t in live:
            total, right = total + 1, right + (t == b)
        else:
            gone, answered = gone + 1, answered + (a is not ABSTAIN)
    assert found["ra"] == pytest.approx(right / total)
    assert found["false_accept"] == pytest.approx(answered / gone)
    assert 1 / 3 <= found["prior"] <= 1
    order = rng.permutation(30)
    assert score_step(truth[order], best[order], answers[order], live) == pytest.approx(found)


def test_orders_differ_and_leaving_one_out_moves_no_other() -> None:
    labels = [*"abcdefgh"]
    orders = [forgetting_order(labels, 0, number) for number in range(3)]
    assert all(sorted(order) == labels for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    assert forgetting_order(labels[::-1], 0, 0) == orders[0]
    assert forgetting_order([x for x in labels if x != "c"], 0, 0) == [x for x in orders[0] if x != "c"]


def test_rows_keep_the_mix_and_every_class() -> None:
    labels = label_array(["a"] * 60 + ["b"] * 30 + ["c"] * 10 + ["rare"])
    split = Split(np.zeros((101, 4, 4), dtype=np.uint8), labels)
    forgotten, retained = mixed_rows(parts_of(split, split, "c"), 50, 0)
    count = {label: int((retained.labels == label).sum()) for label in ("a", "b", "rare")}
    assert count == {"a": 30, "b": 15, "rare": 1}
    assert len(forgotten) == 5
    assert sum(map(len, mixed_rows(parts_of(split, split, "c"), 500, 0))) == 101


def test_a_copy_says_the_same_and_leaves_the_model_alone(
    model: PreForgettableClassifier, split: Split
) -> None:
    before = [record.digest() for record in model.engine_.records()]
    copy = model.copy()
    assert copy.folder is None
    np.testing.assert_array_equal(copy.scores(split.inputs), model.scores(split.inputs))
    assert list(copy.predict(split.inputs)) == list(model.predict(split.inputs))
    for label in ("red", "blue", "green"):
        copy.forget(label)
    assert [record.digest() for record in model.engine_.records()] == before
    model.detach("red")
    assert model.copy().labels == ["blue", "green"]
    model.attach("red")


def test_a_sequence_is_what_forgetting_by_hand_gives(
    unlearned: PreForgettableClassifier, split: Split
) -> None:
    before = [record.digest() for record in unlearned.engine_.records()]
    found = run(unlearned, parts_of(split, split), QUICK, 0)
    assert [record.digest() for record in unlearned.engine_.records()] == before
    assert found.figures["live"] == [2, 1]
    assert found.values["ra_mean"] == found.values["prior_mean"] == 1.0  # one class is left
    by_hand = unlearned.copy()
    by_hand.forget(forgetting_order(["blue", "green"], 0, 0)[0])
    gone = split.without(by_hand.labels)
    answered = np.mean([a is not ABSTAIN for a in by_hand.predict(gone.inputs)])
    assert found.values["false_accept_mean"] == pytest.approx(answered)
    cheap = unlearned.engine_.name == "exact"
    assert ("ra_added_back" in found.values) == cheap
    assert set(found.values) == {
        k for k in ABOUT.titles if cheap or k not in ("ra_added_back", "moved_by_add")
    }
    assert run(unlearned, parts_of(split, split), QUICK, 0) == found


def test_original_forgets_all_of_its_own(model: PreForgettableClassifier, split: Split) -> None:
    found = run(model, parts_of(split, split), QUICK, 0)
    (curve,) = found.figures["ra"]
    assert len(curve) == 3
    assert curve[-1] == 1.0
    assert found.figures["false_accept"][0][0] is None
    drops = [one - other for one, other in pairwise(curve)]
    assert found.values["worst_drop"] == pytest.approx(max(drops), abs=1e-3)


@pytest.mark.parametrize("engine", ["isolated", "paper"])
def test_adding_back_moves_no_other_score_of_the_isolated_engine(
    engine: str, make: Make, split: Split
) -> None:
    options = {"epochs": 1, "batch_size": 16}
    model = make(engine, split, **options)
    model.forget("red")
    found = run(model, parts_of(split, split), Effort("standard"), 0)
    assert len(found.figures["ra"]) == 3
    assert 0 <= found.values["ra_added_back"] <= 1
    assert (found.values["moved_by_add"] == 0.0) == (engine == "isolated")


def test_forgotten_inputs_that_are_still_answered_are_counted(
    unlearned: PreForgettableClassifier, split: Split
) -> None:
    last = forgetting_order(["blue", "green"], 0, 0)[-1]
    shown = coloured(10).only(last)  # what the exact engine's threshold is formed from
    twins = Split(shown.inputs, label_array(["red"] * len(shown)))
    honest = parts_of(split, split)
    planted = Parts(honest.forget_train, twins, honest.retain_train, honest.retain_test)
    plain, leaking = (
        run(unlearned, parts, QUICK, 0).values["false_accept_mean"] for parts in (honest, planted)
    )
    if unlearned.engine_.name == "paper":
        assert plain == leaking == 1.0  # the softmax of a single class is always sure
    else:
        assert plain <= leaking - 0.3


def test_what_has_no_sequence_is_refused(unlearned: PreForgettableClassifier, split: Split) -> None:
    with pytest.raises(DataError, match="no input of 'green'"):
        run(unlearned, parts_of(split, split.without("green")), QUICK, 0)
    unlearned.forget("blue")
    with pytest.raises(DataError, match="needs two"):
        run(unlearned, parts_of(split, split), QUICK, 0)
