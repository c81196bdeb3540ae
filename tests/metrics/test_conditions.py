from __future__ import annotations

import numpy as np

from preforget.metrics.conditions import mean_average_precision, per_condition


def test_by_hand() -> None:
    truth = np.array([[1, 0, 0], [1, 0, 1], [0, 0, 1], [0, 0, 1]], dtype=bool)
    scores = np.array([[4.0, 0, 1], [1.0, 0, 2], [2.0, 0, 3], [0.0, 0, 4]])
    a, b, c = per_condition(["a", "b", "c"], scores, truth)
    assert (a.label, a.count, a.auroc) == ("a", 2, 0.75)
    assert a.average_precision == (1 + 2 / 3) / 2
    assert (b.count, b.average_precision, b.auroc) == (0, None, None)
    assert (c.average_precision, c.auroc) == (1.0, 1.0)
    assert mean_average_precision([a, b, c]) == ((1 + 2 / 3) / 2 + 1) / 2
    assert mean_average_precision([b]) is None
