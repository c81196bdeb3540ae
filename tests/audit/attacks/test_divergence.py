"""Divergence of answers: by hand, beside scipy, aligned by name, and it tells models apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from preforget.audit.attacks.divergence import ABOUT_JSD, ABOUT_ZRF, compare, jensen_shannon, jsd, zrf
from preforget.audit.attacks.observe import Array, Parts, Seen
from preforget.core.errors import DataError
from preforget.data.dataset import label_array


def seen(labels: str, p: Any, truth: str = "") -> Seen:
    """Answers with probabilities `p`; what a row lacks to 1 is that of abstaining."""
    rows = np.array(p, dtype=np.float64).reshape(-1, len(labels))
    names = label_array([*truth] or ["x"] * len(rows))
    best = label_array([labels[i] for i in rows.argmax(axis=1)])
    return Seen(tuple(labels), names, rows, rows, rows.max(axis=1), best)


def parts(one: Seen) -> Parts[Seen]:
    """Answers to forgotten test inputs, all that is looked at."""
    none = seen("a", [])
    return Parts(none, one, none, none)


def rows(rng: np.random.Generator, count: int, classes: int) -> Array:
    drawn = rng.dirichlet(np.full(classes, 0.5), count)
    return drawn * (rng.uniform(size=drawn.shape) < 0.8)  # some exact zeros; the rest is abstain's


def test_by_hand() -> None:
    # p = (1, 0), q = (1/2, 1/2), m = (3/4, 1/4): (log2 4/3 + log2(2/3)/2 + log2(2)/2) / 2
    by_hand = (np.log2(4 / 3) + np.log2(2 / 3) / 2 + 1 / 2) / 2
    found = jensen_shannon(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[0.5, 0.5], [1.0, 0.0]]))
    assert found == pytest.approx([by_hand, 0])
    one, other = seen("ab", [[1, 0], [1, 0]]), seen("ab", [[0.5, 0.5], [1, 0]])
    assert compare(parts(one), parts(other)).values == pytest.approx({"jsd": by_hand / 2})
    assert zrf(parts(one), parts(other)).values == pytest.approx({"zrf": 1 - by_hand / 2})
    assert (set(ABOUT_JSD.titles), set(ABOUT_ZRF.titles)) == ({"jsd"}, {"zrf"})


def test_columns_are_aligned_by_name() -> None:
    assert jsd(seen("ab", [[0.2, 0.8]]), seen("ba", [[0.8, 0.2]])) == pytest.approx(0, abs=1e-12)
    assert jsd(seen("ab", [[1, 0]]), seen("b", [[1]])) == 1  # nothing in common
    assert jsd(seen("ab", [[0.3, 0]]), seen("b", [[0]])) == jsd(seen("a", [[0.3]]), seen("c", [[0]]))
    assert jsd(seen("a", [[0]]), seen("b", [[0]])) == 0  # both abstain
    assert jsd(seen("a", [[0]]), seen("a", [[1]])) == 1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_it_is_that_of_scipy_symmetric_bounded_and_in_any_order(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    names = "abcdef"[:classes]
    one, other = (seen(names, rows(rng, 7, classes)) for _ in range(2))
    p, q = one.with_abstain(), other.with_abstain()
    found = jensen_shannon(p, q)
    assert found == pytest.approx(jensenshannon(p, q, axis=1, base=2) ** 2, abs=1e-9)
    assert np.array_equal(found, jensen_shannon(q, p))
    assert ((found >= 0) & (found <= 1)).all()
    assert jensen_shannon(p, p).max() == 0
    order = rng.permutation(classes)
    turned = seen("".join(names[i] for i in order), other.probabilities[:, order])
    assert jsd(one, turned) == pytest.approx(found.mean(), abs=1e-12)
    assert zrf(parts(one), parts(turned)).values["zrf"] == pytest.approx(1 - found.mean())


def test_the_smallest_numbers_there_are() -> None:
    least = 5e-324
    p, q = np.array([[1.0, least, 0.0]]), np.array([[1.0, 0.0, least]])
    assert jensen_shannon(p, q).tolist() == [0]


def test_further_apart_is_more() -> None:
    middle = np.full((1, 4), 0.25)
    found = [
        float(jensen_shannon(middle, (1 - t) * middle + t * np.eye(4)[:1])[0]) for t in (0, 0.2, 0.5, 0.9, 1)
    ]
    assert found == sorted(found)
    assert found[0] == 0 < found[1]


def test_it_tells_a_model_that_kept_the_class_from_one_that_was_never_given_it() -> None:
    rng = np.random.default_rng(0)
    usual = np.array([6.0, 3.0, 1.0])
    retrained, again, fresh = (seen("abc", rng.dirichlet(usual * 20, 200)) for _ in range(3))
    original = seen("abcx", np.column_stack([0.05 * fresh.probabilities, np.full(200, 0.95)]))
    even = seen("abc", np.full((200, 3), 1 / 3))
    noise = compare(parts(retrained), parts(again)).values["jsd"]
    assert noise < 0.02
    assert compare(parts(fresh), parts(again)).values["jsd"] == pytest.approx(noise, abs=0.005)
    assert compare(parts(original), parts(again)).values["jsd"] > 0.8
    assert compare(parts(even), parts(again)).values["jsd"] > 3 * noise
    assert zrf(parts(even), parts(even)).values["zrf"] == 1
    assert zrf(parts(original), parts(even)).values["zrf"] < 0.2


@pytest.mark.parametrize(
    "other",
    [seen("ab", [[0.5, 0.5]]), seen("ab", [[1, 0], [0, 1]], "xy"), seen("ab", [])],
)
def test_other_inputs(other: Seen) -> None:
    for function in (compare, zrf):
        with pytest.raises(DataError, match="same inputs in the same order"):
            function(parts(seen("ab", [[1, 0], [0, 1]])), parts(other))
    with pytest.raises(DataError, match="at least one"):
        jsd(seen("ab", []), seen("ab", []))
