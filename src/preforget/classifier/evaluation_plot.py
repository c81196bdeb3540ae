"""What was measured of a classifier as one matplotlib figure, for notebooks and papers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preforget.classifier.measured import Measured
from preforget.core.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE = "#0072B2", "#D55E00"
"""Of Okabe and Ito's palette, which colour-blind readers tell apart."""

LARGE = 20
"""Above that many classes the confusion matrix shows no names."""


def plot(measured: Measured) -> Figure:
    """Return a figure of three parts: reliability, risk by coverage, confusion matrix.

    Raises `UsageError` without matplotlib, which is an extra, and where there are no curves.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError("plot() needs matplotlib; install it with: pip install preforget[plot]") from None
    curves = measured.curves
    if curves is None:
        raise UsageError("there is nothing to plot: no input of a class that the model knows was measured")
    figure = Figure(figsize=(13, 4), layout="constrained")
    reliable, risky, confused = figure.subplots(1, 3)
    reliable.plot([0, 1], [0, 1], color="0.6", linestyle=":")
    reliable.plot(curves.reliability.probability, curves.reliability.right, color=BLUE, marker="o")
    reliable.set(xlabel="probability of the best class", ylabel="share that is right", title="Reliability")
    risky.plot(curves.coverage, curves.risk, color=BLUE)
    if measured.abstained is not None and measured.risk is not None:
        risky.plot([1 - measured.abstained], [measured.risk], color=ORANGE, marker="o")
    risky.set(
        xlabel="share that is answered", ylabel="share of answers that is wrong", title="Risk by coverage"
    )
    shares = curves.counts / curves.counts.sum(axis=1, keepdims=True).clip(min=1)
    confused.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    confused.set(xlabel="answer", ylabel="true class", title="Confusion")
    if len(curves.rows) <= LARGE:
        confused.set_xticks(range(len(curves.columns) + 1), [*curves.columns, "abstain"])
        for name in confused.get_xticklabels():  # its end is at its column
            name.set(rotation=60, ha="right", rotation_mode="anchor")
        confused.set_yticks(range(len(curves.rows)), curves.rows)
    return figure
