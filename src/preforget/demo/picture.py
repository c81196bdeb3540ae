"""The demo's picture: the answers for each class before and after, and the model's confidence."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from preforget.core.targets import write_target
from preforget.demo.forgetting import Forgetting
from preforget.demo.look import Look
from preforget.demo.modality import IMAGE, Modality
from preforget.metrics.confusion import confusion

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE = "#0072B2", "#D55E00"
"""Of Okabe and Ito's palette, which colour-blind readers tell apart."""

BINS = 48
GAP = 0.4
"""The gap between the classes and the column of abstentions, in columns."""


def draw(step: Forgetting, path: Path, words: Modality = IMAGE) -> Path | None:
    """Write the picture and return its path; None without matplotlib, which is an extra."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError:
        return None
    figure = Figure(
        figsize=(12, 9.8),
        dpi=120,
        layout=ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.15, rect=(0, 0.005, 1, 0.985)),
    )
    rows = figure.add_gridspec(2, 1, height_ratios=(1.6, 1))
    above = rows[0].subgridspec(1, 2)
    labels = step.before.classes
    title = f"After forgetting '{step.label}'"
    _confusion(figure.add_subplot(above[0]), step.before, labels, "Before", words)
    _confusion(figure.add_subplot(above[1]), step.after, labels, title, words, gone=step.label)
    _confidence(figure.add_subplot(rows[1]), step, words)
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix[1:], facecolor="white")
    write_target(path, content.getvalue(), force=True)
    return path


def _confusion(
    axes: Axes, view: Look, labels: list[str], title: str, words: Modality, gone: str | None = None
) -> None:
    """Draw counts, one row per true class; the colour is the share of the row, abstention is set apart."""
    counts = confusion(view.truth, view.answers, labels, labels)
    n = len(labels)
    shares = counts / counts.sum(axis=1, keepdims=True)
    x = [*range(n), n + GAP]
    for row, column in np.ndindex(*counts.shape):
        share, count = float(shares[row, column]), counts[row, column]
        colour = (ORANGE if column == n else BLUE, share**0.6)
        _cell(axes, x[column], row, 1, facecolor=colour, edgecolor="#DADADA", linewidth=0.6)
        if count:
            ink = "white" if share > 0.45 else "black"
            weight = "bold" if column in (row, n) else "normal"
            axes.text(x[column], row, str(count), ha="center", va="center", color=ink, fontweight=weight)
    if gone is not None:
        _cell(
            axes, labels.index(gone), 0, n, facecolor="#F2F2F2", edgecolor="#B0B0B0", linewidth=0, hatch="///"
        )
    axes.set(
        xlim=(-0.55, n + GAP + 0.55),
        ylim=(n - 0.45, -0.55),
        xlabel="answer",
        ylabel=f"{words.unit} in the {words.inputs[:-1]}",
    )
    axes.set_title(title, fontsize=14, fontweight="bold", loc="left")
    upright = max(map(len, labels)) < 3
    axes.set_xticks(
        x, [*labels, "abstain"], rotation=0 if upright else 45, ha="center" if upright else "right"
    )
    axes.set_yticks(range(n), labels)
    axes.set_aspect("equal")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _cell(axes: Axes, x: float, top: int, height: int, **style: Any) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x - 0.5, top - 0.5), 1, height, **style))


def _confidence(axes: Axes, step: Forgetting, words: Modality) -> None:
    """Draw both histograms, each in percent of its own images, and the threshold between them."""
    view = step.after
    forgotten = view.truth == step.label
    low, high = np.quantile(view.confidence, (0.002, 0.998))
    edges = np.linspace(low - 0.5, high + 0.5, BINS + 1)
    clipped = np.clip(view.confidence, edges[0], edges[-1])
    for chosen, colour, hatch, name in (
        (forgotten, ORANGE, "////", f"'{step.label}', forgotten"),
        (~forgotten, BLUE, None, f"the other {words.units}"),
    ):
        axes.hist(
            clipped[chosen],
            edges.tolist(),
            weights=np.full(int(chosen.sum()), 100 / chosen.sum()),
            histtype="stepfilled",
            facecolor=colour,
            edgecolor=colour,
            alpha=0.5,
            hatch=hatch,
            linewidth=1.2,
            label=f"{words.inputs} of {name} ({chosen.sum()})",
        )
    axes.axvline(view.threshold, color="black", linestyle="--", linewidth=1.4)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.2)
    for text, side, shift in (("← abstains", "right", -8), ("answers →", "left", 8)):
        axes.annotate(
            text,
            (view.threshold, 0.95),
            xycoords=("data", "axes fraction"),
            xytext=(shift, 0),
            textcoords="offset points",
            ha=side,
            va="top",
            fontsize=11,
            fontweight="bold",
        )
    axes.set_xlabel(f"log-odds, after forgetting, that {words.shows} a {words.unit} that the model knows")
    axes.set_ylabel(f"% of the {words.inputs}")
    axes.set_title("How sure the model is", fontsize=14, fontweight="bold", loc="left")
    axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 0.99), ncols=2, fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
