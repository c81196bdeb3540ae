from __future__ import annotations

import numpy as np
import pytest

from preforget.audit.attacks.observe import Array, Mask
from preforget.audit.attacks.shadows import by_target, check, control, pooled, scores_of
from preforget.core.errors import DataError


def halves(rng: np.random.Generator, shadows: int, count: int) -> Mask:
    return np.stack([rng.permutation(count) < count // 2 for _ in range(shadows)])


def itself(observed: Array, signals: Array, member: Mask) -> dict[str, Array]:
    return {"itself": observed, "others": signals.mean(axis=0)}


def test_a_target_is_not_among_its_own_shadows() -> None:
    rng = np.random.default_rng(0)
    signals, member = rng.normal(0, 1, (5, 8)), halves(rng, 5, 8)
    scores = scores_of(itself, signals, member)
    np.testing.assert_array_equal(scores["itself"], signals)
    np.testing.assert_allclose(scores["others"][2], signals[[0, 1, 3, 4]].mean(axis=0))


def test_values_by_hand() -> None:
    member = np.array([[True, True, False, False]] * 4)
    scores = np.array([[4.0, 2.0, 3.0, 1.0]] * 4)  # three of four pairs in the right order
    found = pooled({"first": scores, "second": -scores}, member)
    assert found.values == {"auc": 0.75, "distance": 0.25, "second auc": 0.25}
    assert set(found.figures) == {"first roc", "second roc"}
    assert by_target(scores, member) == [0.75] * 4


def test_the_control_is_drawn_anew_and_as_large() -> None:
    member = halves(np.random.default_rng(1), 6, 40)
    other = control(member)
    np.testing.assert_array_equal(other.sum(axis=1), member.sum(axis=1))
    assert 0.3 < (other == member).mean() < 0.7


def test_what_can_not_be_attacked() -> None:
    rng = np.random.default_rng(4)
    signals, member = rng.normal(0, 1, (6, 12)), halves(rng, 6, 12)
    with pytest.raises(DataError, match="4 shadows or more"):
        check(signals[:3], member[:3])
    with pytest.raises(DataError, match="shape"):
        check(signals, member[:, :5])
    broken = signals.copy()
    broken[0, 0] = np.inf
    with pytest.raises(DataError, match="1 signals"):
        check(broken, member)
    whole = member.copy()
    whole[3] = True
    with pytest.raises(DataError, match="shadow 3"):
        check(signals, whole)
    for useless in (np.zeros(3), np.full(12, np.nan)):
        with pytest.raises(
            DataError, match=r"scores 'mine' of an attack with shadow models .* for each of 12 inputs"
        ):
            scores_of(lambda observed, signals, member: {"mine": useless}, signals, member)  # noqa: B023
