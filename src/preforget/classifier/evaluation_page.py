"""What was measured of a classifier as one page for people, which can be printed and needs no network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from preforget.classifier.measured import OTHERS, Curves, Measured
from preforget.metrics.debiased_calibration import Calibration
from preforget.pictures.figures import Series, confusion, line_chart

TEMPLATE = Path(__file__).with_name("evaluation.html.jinja")


def page(measured: Measured, title: str) -> str:
    """Return the page as HTML; everything that it says is escaped."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = _percent
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        title=title,
        measured=measured,
        lines=dict(lines(measured)),
        pictures=[] if measured.curves is None else [Markup(one) for one in _pictures(measured.curves)],
    )


def lines(measured: Measured) -> Iterator[tuple[str, str]]:
    """Yield name and value of what was measured as a whole."""
    known = sum(one.count for one in measured.classes)
    if measured.accuracy is not None:
        yield (
            "accuracy",
            f"{_percent(measured.accuracy)} of best guesses on {known or measured.inputs:,} inputs",
        )
    if measured.abstained is not None:
        aim = "" if measured.keep is None else f"; {_percent(measured.keep)} were to be"
        yield "answered", f"{_percent(1 - measured.abstained)} of them{aim}"
    if measured.risk is not None:
        yield "wrong", f"{_percent(measured.risk)} of the answers"
    if measured.calibration is not None:
        yield "ECE", _error(measured.calibration)
    if measured.classwise is not None:
        yield "class ECE", _error(measured.classwise)
    if measured.unknown:
        count = sum(one.count for one in measured.unknown)
        share = measured.unknown_abstained or 0.0
        told = "" if measured.auroc is None else f"; AUROC {measured.auroc:.3f} against the others"
        classes = (
            "1 unknown class" if len(measured.unknown) == 1 else f"{len(measured.unknown)} unknown classes"
        )
        yield (
            "unknown",
            f"abstains on {_percent(share)} of {count:,} inputs of {classes}{told}",
        )
    if measured.mean_average_precision is not None:
        yield "mean AP", f"{measured.mean_average_precision:.3f}"


def _error(calibration: Calibration) -> str:
    low, high = calibration.interval
    plain, floor = f"plain {calibration.plain:.3f}", f"by chance alone {calibration.floor:.3f}"
    return f"{calibration.error:.3f} ({low:.3f} to {high:.3f}); {plain}, {floor}"


def _pictures(curves: Curves) -> Iterator[str]:
    bins = curves.reliability
    diagonal = Series("as right as sure", [0, 1], [0, 1], "reference")
    curve = Series("this model", bins.probability.tolist(), bins.right.tolist(), "unlearned")
    yield line_chart(
        [diagonal, curve],
        title="Reliability",
        desc="the share of best guesses that is right, by their probability, in bins of equally many inputs",
        x_label="probability of the best class",
        y_label="share that is right",
        x_range=(0, 1),
        y_range=(0, 1),
        marks=True,
    )
    yield line_chart(
        [Series("this model", curves.coverage.tolist(), curves.risk.tolist(), "unlearned")],
        title="Risk by coverage",
        desc="the share of answers that is wrong if only the surest inputs are answered",
        x_label="share that is answered",
        y_label="share of answers that is wrong",
        x_range=(0, 1),
    )
    yield confusion(
        curves.rows,
        [*curves.columns, "abstain"],
        curves.counts.tolist(),
        title="Confusion",
        desc="how many inputs of each class were answered with which",
        forgotten=[OTHERS] if OTHERS in curves.rows else [],
        mark="the model doesn't know these",
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}".replace("%", " %")
