"""The figure of an evaluation."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from preforget.classifier.evaluation_plot import plot
from preforget.classifier.measured import Measured, facts
from preforget.core.errors import UsageError
from preforget.data.dataset import label_array


def test_three_parts_and_what_they_show() -> None:
    scores = np.eye(2, dtype=np.float32)[[0, 1, 1]]
    answers = np.array(["a", "b", "b"], dtype=object)
    confidence = np.arange(3, dtype=np.float32)
    found = facts(
        label_array(["a", "b", "a"]),
        ["a", "b"],
        scores,
        scores,
        confidence,
        answers,
        np.random.default_rng(0),
    )
    figure = plot(Measured(3, **found))
    reliable, risky, confused = figure.axes
    assert reliable.lines[1].get_ydata() == pytest.approx([2 / 3])
    assert risky.lines[0].get_xdata() == pytest.approx([1 / 3, 2 / 3, 1])
    assert [text.get_text() for text in confused.get_xticklabels()] == ["a", "b", "abstain"]


def test_nothing_to_plot_and_nothing_to_plot_with(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="nothing to plot"):
        plot(Measured(0, None, None))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match="needs matplotlib"):
        plot(Measured(0, None, None))
