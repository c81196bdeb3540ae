from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from preforget.audit.attacks import trained_membership
from preforget.audit.attacks.observe import Parts, Seen
from preforget.audit.attacks.trained_membership import balanced, called_members, features, measure
from preforget.core.errors import DataError
from preforget.data.dataset import label_array


def answers(rng: np.random.Generator, count: int, sharp: float, *, gone: bool = False) -> Seen:
    """Answers over three classes and abstain, the true one (abstain's, if `gone`) the surer the larger `sharp`."""
    true = np.full(count, 3) if gone else rng.integers(0, 3, count)
    p = rng.dirichlet([0.5] * 4, count)
    p[np.arange(count), true] += sharp * rng.random(count)
    p /= p.sum(axis=1, keepdims=True)
    truth = label_array([("a", "b", "c", "gone")[column] for column in true])
    return Seen(("a", "b", "c"), truth, p[:, :3], p[:, :3], p[:, :3].max(axis=1), truth)


def parts(rng: np.random.Generator, forget: float, train: float = 20, test: float = 1) -> Parts[Seen]:
    return Parts(
        answers(rng, 200, forget, gone=True),
        answers(rng, 50, test, gone=True),
        answers(rng, 500, train),
        answers(rng, 200, test),
    )


@pytest.mark.parametrize("attacker", [SVC, LogisticRegression])
def test_by_hand(attacker: type) -> None:
    members, others = np.array([[1.0], [0.9], [1.1]]), np.array([[0.0], [0.1], [-0.1]])
    asked = np.array([[1.0], [0.8], [0.2], [0.95]])
    assert called_members(attacker(), members, others, asked) == 0.75
    assert called_members(attacker(), others, members, asked) == 0.25


def test_features_by_hand() -> None:
    truth = label_array(["b", "gone"])
    p = np.array([[0.2, 0.7], [0.6, 0.1]])
    found = features(Seen(("a", "b"), truth, p, p, p.max(axis=1), truth))
    np.testing.assert_allclose(found["svc confidence"], [[0.7], [0.3]])
    np.testing.assert_allclose(found["svc probabilities"], [[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]])
    assert found["svc statistics"][:, 0].tolist() == [1, 0]
    assert found["logistic entropy"][0, 0] == pytest.approx(-np.sum([q * np.log(q) for q in (0.2, 0.7, 0.1)]))
    assert list(found) == list(trained_membership.ABOUT.titles)


@pytest.mark.parametrize("attacker", [SVC, LogisticRegression])
def test_against_a_pipeline(attacker: type) -> None:
    rng = np.random.default_rng(0)
    members, others, asked = (
        rng.normal(shift, scale, (60, 3)) for shift, scale in ((0.5, 2), (0, 1), (0.3, 1))
    )
    pipeline = make_pipeline(StandardScaler(), attacker())
    pipeline.fit(np.concatenate([members, others]), np.repeat(["member", "other"], 60))
    expected = np.mean(pipeline.predict(asked) == "member")
    assert called_members(attacker(), members, others, asked) == expected


def test_units_and_constants_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    members, others, asked = (rng.normal(shift, 1, (60, 3)) for shift in (1, 0, 0.5))
    plain = called_members(SVC(), members, others, asked)
    changed = (
        np.concatenate([rows * [8, 0.5, 2] + 1, np.full((60, 1), 0.1 + 0.2)], axis=1)
        for rows in (members, others, asked)
    )
    assert called_members(SVC(), *changed) == plain


def test_balanced() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        one, other = balanced(30, 12, 10 + seed % 5, rng)
        assert len(one) == len(other) == min(12, 10 + seed % 5)
        assert len(set(one)) == len(one)
        assert len(set(other)) == len(other)
        assert one.max() < 30
        assert other.max() < 12


def test_it_can_fail() -> None:
    rng = np.random.default_rng(2)
    kept = measure(parts(rng, forget=20), seed=0).values
    lost = measure(parts(rng, forget=1), seed=0).values
    assert list(kept) == list(trained_membership.ABOUT.titles)
    for name in kept:
        assert kept[name] > lost[name] + 0.25, name
        assert 0 <= lost[name] <= kept[name] <= 1


def test_seed_decides() -> None:
    seen = parts(np.random.default_rng(3), forget=1)
    assert measure(seen, seed=0).values == measure(seen, seed=0).values
    assert measure(seen, seed=0).values != measure(seen, seed=1).values


def test_too_little_data() -> None:
    rng = np.random.default_rng(4)
    whole, none = answers(rng, 4, 1), answers(rng, 0, 1)
    with pytest.raises(DataError, match=r"kept apart \(0 given\)"):
        measure(Parts(whole, whole, whole, none), seed=0)
    with pytest.raises(DataError, match="forgotten ones"):
        measure(Parts(none, whole, whole, whole), seed=0)
