"""What is measured of answers, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from preforget.classifier.measured import OTHERS, Measured, facts
from preforget.core.abstain import ABSTAIN
from preforget.data.dataset import label_array
from preforget.metrics.shares import share_interval


def of(truth: list[str], answers: list[object], best: list[int], confidence: list[float]) -> Measured:
    scores = np.eye(2, dtype=np.float32)[best]
    given = np.empty(len(answers), dtype=object)
    given[:] = answers
    measured = facts(
        label_array(truth),
        ["a", "b"],
        scores,
        (scores * 0.6 + 0.2).astype(np.float32),
        np.array(confidence, dtype=np.float32),
        given,
        np.random.default_rng(0),
    )
    return Measured(len(truth), keep=0.95, **measured)


def test_by_hand() -> None:
    found = of(
        ["a", "a", "b", "b", "c", "c"],
        ["a", "b", "b", ABSTAIN, ABSTAIN, "a"],
        [0, 1, 1, 0, 1, 0],
        [5, 4, 3, 1, 0, 2],
    )
    assert (found.inputs, found.accuracy, found.abstained, found.risk) == (6, 0.5, 0.25, pytest.approx(1 / 3))
    first, second = found.classes
    assert (first.count, first.answered, first.recall, first.precision) == (2, 2, 0.5, 0.5)
    assert (second.count, second.answered, second.recall, second.precision) == (2, 1, 0.5, 0.5)
    assert second.interval == share_interval(1, 2)
    (other,) = found.unknown
    assert (other.label, other.count, other.abstained, found.unknown_abstained) == ("c", 2, 1, 0.5)
    assert found.auroc == 7 / 8
    assert found.calibration is not None
    assert found.calibration.plain == pytest.approx(0.3)
    assert found.curves is not None
    assert found.curves.rows == ("a", "b", OTHERS)
    assert found.curves.counts.tolist() == [[1, 1, 0], [0, 1, 1], [1, 0, 1]]
    assert found.curves.coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert found.curves.risk == pytest.approx([0, 0.5, 1 / 3, 0.5])
    assert "'c'" not in repr(found)


def test_nothing_known_or_nothing_unknown() -> None:
    strange = of(["x", "y"], [ABSTAIN, "a"], [0, 0], [1, 2])
    assert (strange.accuracy, strange.auroc, strange.curves) == (None, None, None)
    assert strange.unknown_abstained == 0.5
    usual = of(["a", "b"], ["a", "b"], [0, 1], [1, 2])
    assert (usual.auroc, usual.unknown, usual.unknown_abstained) == (None, (), None)
