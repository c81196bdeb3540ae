from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy
from sklearn.metrics import roc_auc_score

from preforget.audit.attacks import membership
from preforget.audit.attacks.observe import Array, Parts, Seen
from preforget.core.errors import DataError
from preforget.data.dataset import label_array


def seen(p: Array, truth: list[str], confidence: Array | None = None) -> Seen:
    """Answers of a model that knows "a", "b", ...; what rows lack to 1 is abstain's."""
    labels = tuple("abcdefgh"[: p.shape[1]])
    sure = p.max(axis=1) if confidence is None else confidence
    best = label_array([labels[column] for column in p.argmax(axis=1)])
    return Seen(labels, label_array(truth), p, p, sure, best)


def drawn(rng: np.random.Generator, count: int, truth: str = "gone", sharp: float = 1.0) -> Seen:
    """Random answers over "a", "b", "c" and abstain; the larger `sharp`, the surer is abstain."""
    p = rng.dirichlet([1, 1, 1, sharp], count)
    return seen(p[:, :3], [truth] * count)


def test_signals_by_hand() -> None:
    p = np.array([[0.7, 0.2], [0.7, 0.2]])
    found = membership.signals(seen(p, ["a", "gone"]))
    log = math.log
    spread = -0.7 * log(0.7) - 0.2 * log(0.2) - 0.1 * log(0.1)
    by_hand = {
        "loss": [-log(0.7), -log(0.1)],
        "confidence": [0.7, 0.7],
        "largest probability": [0.7, 0.7],
        "entropy": [spread, spread],
        "margin": [0.5, -0.6],
        "modified entropy": [
            -0.3 * log(0.7) - 0.2 * log(0.8) - 0.1 * log(0.9),
            -0.9 * log(0.1) - 0.7 * log(0.3) - 0.2 * log(0.8),
        ],
    }
    assert list(found) == list(membership.MEMBER_IS_HIGHER) == list(by_hand)
    for name, values in by_hand.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-12, err_msg=name)


def test_measure_by_hand() -> None:
    members, others = np.array([[0.05, 0.05], [0.2, 0.2]]), np.array([[0.1, 0.1], [0.25, 0.25]])
    parts = Parts(
        seen(members, ["gone"] * 2),
        seen(others, ["gone"] * 2),
        seen(members, ["a"] * 2),
        seen(others, ["b"] * 2),
    )
    values = membership.measure(parts).values
    assert values["loss auc"] == 0.75  # abstain .9 and .6 against .8 and .5: three pairs of four
    assert values["loss distance"] == 0.25
    assert values["confidence auc"] == 0.25
    assert values["largest distance"] == 0.25
    assert values["retained: confidence distance"] == 0.25
    assert not any("tpr" in key for key in values)
    assert set(values) <= set(membership.ABOUT.titles)


def test_signals_against_loops_and_libraries() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet([0.3] * 5, 40)
    true = rng.integers(0, 5, 40)
    for row, y, one in zip(p, true, membership.modified_entropy(p, true), strict=True):
        expected = -(1 - row[y]) * math.log(row[y])
        for column, share in enumerate(row):
            if column != y:
                expected -= share * math.log(1 - share)
        assert one == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(membership.entropy(p), scipy_entropy(p, axis=1), atol=1e-12)
    np.testing.assert_allclose(membership.loss(p, true), -np.log(p[np.arange(40), true]), rtol=1e-9)
    np.testing.assert_allclose(membership.all_but(p), 1 - p, atol=1e-12)


def test_auc_against_sklearn() -> None:
    rng = np.random.default_rng(1)
    members, others = drawn(rng, 150, sharp=2), drawn(rng, 1000)
    values = membership.measure(Parts(members, others, members, others)).values
    truth = np.repeat([1, 0], [150, 1000])
    for name, higher in membership.MEMBER_IS_HIGHER.items():
        both = np.concatenate([membership.signals(part)[name] for part in (members, others)])
        assert values[f"{name} auc"] == pytest.approx(roc_auc_score(truth, both if higher else -both))
        assert 0 <= values[f"{name} tpr at 0.1 % fpr"] <= values[f"{name} tpr at 1 % fpr"] <= 1


def test_precision_near_certainty() -> None:
    p = np.array([[1 - 1e-15, 1e-15], [1.0, 1e-20], [1.0, 0.0], [0.0, 1.0]])
    true = np.zeros(4, dtype=np.intp)
    assert membership.loss(p, true) == pytest.approx([1e-15, 1e-20, 0, -math.log(1e-12)], rel=1e-6, abs=0)
    mentr = membership.modified_entropy(p, true)
    assert np.isfinite(mentr).all()
    assert mentr[3] == pytest.approx(-2 * math.log(1e-12))  # the worst that is possible
    assert mentr[2] == 0


@given(st.floats(0.01, 0.98), st.floats(0.001, 0.01), st.integers(0, 2))
def test_modified_entropy_falls_as_the_true_class_gains(share: float, more: float, y: int) -> None:
    p = np.empty((2, 3))
    for row, own in enumerate((share, share + more)):
        p[row] = (1 - own) / 2
        p[row, y] = own
    before, after = membership.modified_entropy(p, np.full(2, y))
    assert after < before


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_order_and_scale_of_confidence_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [drawn(rng, 12, truth) for truth in ("gone", "gone", "a", "b")]
    changed = []
    for part in parts:
        order = rng.permutation(12)
        p = part.probabilities[order]
        changed.append(seen(p, list(part.truth[order]), np.log(part.confidence[order]) * 3 + 1))
    one, other = (membership.measure(Parts(*own)).values for own in (parts, changed))
    assert one == pytest.approx(other)
    swapped = membership.measure(Parts(parts[1], parts[0], parts[2], parts[3])).values
    for name in membership.MEMBER_IS_HIGHER:
        assert swapped[f"{name} auc"] == pytest.approx(1 - one[f"{name} auc"])
        assert swapped[f"{name} distance"] == pytest.approx(one[f"{name} distance"])


def test_infinite_confidence_counts_as_a_rank() -> None:
    p = np.full((4, 2), 0.4)
    low = seen(p, ["gone"] * 4, np.array([-np.inf, -np.inf, -np.inf, 0.0]))
    high = seen(p, ["gone"] * 4, np.array([-np.inf, 1.0, 2.0, 3.0]))
    values = membership.measure(Parts(high, low, high, low)).values
    assert values["confidence auc"] == (12 + 1.5) / 16
    assert values["loss auc"] == 0.5


def test_a_planted_leak_is_found_by_its_signal_alone() -> None:
    rng = np.random.default_rng(2)
    members, others, more = drawn(rng, 400), drawn(rng, 1000), drawn(rng, 400)
    clean = membership.measure(Parts(members, others, more, others))
    assert clean.values["largest distance"] < 0.05
    marked = seen(members.probabilities, ["gone"] * 400, members.confidence + 1)
    leaky = membership.measure(Parts(marked, others, more, others))
    assert leaky.values["confidence auc"] > 0.9
    assert leaky.values["confidence tpr at 1 % fpr"] > 0.3
    assert leaky.values["loss distance"] < 0.05
    assert leaky.values["largest distance"] == leaky.values["confidence distance"]
    reverse = seen(members.probabilities, ["gone"] * 400, members.confidence - 1)
    assert membership.measure(Parts(reverse, others, more, others)).values["largest distance"] > 0.4
    assert json.loads(json.dumps(leaky.figures)) == leaky.figures
    assert set(leaky.figures) == {"loss roc", "confidence roc"}
    assert len(leaky.figures["loss roc"]["fpr"]) == len(leaky.figures["loss roc"]["tpr"]) <= 200


def test_what_cannot_be_measured() -> None:
    rng = np.random.default_rng(3)
    some, none = drawn(rng, 100), drawn(rng, 0)
    values = membership.measure(Parts(some, some, none, none)).values
    assert "loss tpr at 1 % fpr" in values
    assert "loss tpr at 0.1 % fpr" not in values
    assert not any(key.startswith("retained") for key in values)
    with pytest.raises(DataError, match="0 given"):
        membership.measure(Parts(some, none, some, some))
    broken = seen(some.probabilities, ["gone"] * 100, np.full(100, np.nan))
    with pytest.raises(DataError, match="confidence of 100 inputs"):
        membership.measure(Parts(broken, some, some, some))
