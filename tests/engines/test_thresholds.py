from __future__ import annotations

import numpy as np
import pytest

from preforget.core.abstain import ABSTAIN
from preforget.engines.thresholds import best_threshold, names_above


def test_by_hand() -> None:
    assert best_threshold([3.0, 2.0], [3.0, 2.0, 1.0, 0.0]) == 1.5
    assert best_threshold([3.0, 0.0], [3.0, 2.0, 1.0, 0.5, 0.0]) == 2.5
    assert best_threshold([], [1.0, 2.0]) == 0.0
    assert best_threshold([1.0], [1.0]) == 1.0


def test_no_cut_has_a_better_f1() -> None:
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(0)
    for _ in range(20):
        truth = rng.random(40) < 0.4
        scores = rng.normal(truth, 1.0).round(1)
        cut = best_threshold(scores[truth], scores)
        best = max(f1_score(truth, scores >= other) for other in np.unique(scores))
        assert f1_score(truth, scores >= cut) == pytest.approx(best)


def test_names_above_their_cuts() -> None:
    found = names_above(np.array([[1.0, 3.0], [0.0, 2.0], [0.0, 0.0]]), [0.5, 2.0], ["a", "b"])
    assert found.tolist() == [("a", "b"), ("b",), ABSTAIN]
