"""The charts of a report, drawn from the figures of each seed; a missing figure has no chart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import floor, log10
from typing import Any

from preforget.audit.report.curves import (
    AFTER,
    NAMES,
    Roles,
    Runs,
    curve_of,
    mean_curve,
    numbers,
    runs_of,
    series_of,
    texts,
    xs_of,
)
from preforget.pictures.figures import Series, confusion, histogram_pair, line_chart

LEAST_RATE = 1e-4
"""The least rate on the axes of a ROC curve."""
WHEN = {"original": "before forgetting", "unlearned": "after", "retrain": "never learned"}


@dataclass(frozen=True)
class Chart:
    """A picture with its heading and a note; `wide`: it has its own size and may need scrolling."""

    title: str
    note: str
    svg: str
    wide: bool = False


def charts(figures: Mapping[str, Roles]) -> list[Chart]:
    """Return the charts of all attacks, in the report's order; ROC curves of an extension's attacks come last."""
    by_attack = {name.replace(" ", "_"): roles for name, roles in figures.items()}
    extensions = [name for name in sorted(by_attack) if name not in DRAWN]
    draws: dict[str, Callable[[Roles], Iterator[Chart]]] = dict(DRAWN)
    draws |= {name: partial(_rocs, title=name.replace("_", " ")) for name in extensions}
    return [chart for name, draw in draws.items() if name in by_attack for chart in draw(by_attack[name])]


def _lines(title: str, description: str, note: str, series: Sequence[Series], **options: Any) -> Chart:
    """Return a line chart; `description` is for screen readers."""
    return Chart(title, note, line_chart(series, title=title, desc=description, **options))


def _runs(runs: Runs, unit: str = "seed") -> str:
    """Return a note on thick and thin lines, empty if there is one line of each kind."""
    return f"Thick: mean; thin: each {unit}." if any(len(of_role) > 1 for of_role in runs.values()) else ""


def _rocs(roles: Roles, title: str) -> Iterator[Chart]:
    for name in sorted({name for of_role in roles.values() for figure in of_role for name in figure}):
        runs = runs_of(roles, "fpr", "tpr", inside=name)
        if not runs:
            continue
        rates = [
            rate for of_role in runs.values() for run in of_role for column in run for rate in column if rate
        ]
        low = 10.0 ** floor(log10(max(LEAST_RATE, min(rates, default=0.1)) * 0.999))
        yield _lines(
            f"{title}: {name.removesuffix(' roc')}",
            "ROC curves on log axes, true against false positives, beside those of chance.",
            f"The dotted line is guessing. {_runs(runs)}",
            [*series_of(runs), Series("chance", [low, 1], [low, 1], "reference")],
            x_label="false-positive rate",
            y_label="true-positive rate",
            x_log=True,
            y_log=True,
            x_range=(low, 1),
            y_range=(low, 1),
        )


def _recovery(roles: Roles, title: str, columns: Mapping[str, str]) -> Iterator[Chart]:
    """Draw shares by number of shots, evenly spaced on the axis."""
    for column, words in columns.items():
        runs = runs_of(roles, "shots", column)
        if not runs:
            continue
        position_of = {shots: float(number) for number, shots in enumerate(xs_of(runs))}
        placed = {
            role: [([position_of[x] for x in xs], ys) for xs, ys in of_role] for role, of_role in runs.items()
        }
        yield _lines(
            f"{title}{words}",
            "Share of forgotten inputs taken back, by labelled inputs per class.",
            f"Only more than Retrain is residue. {_runs(runs)}",
            series_of(placed),
            x_label="labelled inputs per class",
            y_label="forgotten inputs taken back",
            x_range=(-0.25, len(position_of) - 0.75),
            y_range=(0, 1),
            x_named={at: f"{shots:g}" for shots, at in position_of.items()},
            marks=True,
        )


def _relearn(roles: Roles) -> Iterator[Chart]:
    runs: Runs = {}
    goals = list[float]()
    for role in AFTER:
        for figure in roles.get(role, ()):
            drawn = figure.get("curves")
            curves = [
                curve_of(draw, "step", "accuracy") for draw in (drawn if isinstance(drawn, list) else [])
            ]
            if kept := [curve for curve in curves if curve is not None]:
                runs.setdefault(role, []).extend(kept)
                goals += numbers([figure.get("goal")])
    if not runs:
        return
    last = max(1, xs_of(runs)[-1])
    goal = [Series("goal", [0, last], [sum(goals) / len(goals)] * 2, "reference")] if goals else []
    yield _lines(
        "Relearning",
        "Accuracy on forgotten inputs by optimizer step, up to the goal.",
        f"A run ends where it reaches the goal, and keeps its last value in the mean. {_runs(runs, 'draw and seed')}",
        [*series_of(runs), *goal],
        x_label="optimizer steps",
        y_label="forgotten inputs taken back",
        x_range=(0, last),
        y_range=(0, 1),
    )


def _abstention(roles: Roles) -> Iterator[Chart]:
    for role in AFTER:
        figure = _first(roles, role, "confidence")
        edges = numbers(figure.get("edges"))
        shares = {name: numbers(figure.get(name), len(edges) - 1) for name in ("retained", "forgotten")}
        if len(edges) < 2 or edges[0] >= edges[-1] or not all(shares.values()):
            continue
        title, description = (
            f"Confidence of {NAMES[role]}",
            "Confidence on retained and on forgotten test inputs.",
        )
        picture = histogram_pair(edges, shares, title=title, desc=description, x_label="confidence")
        yield Chart(
            title,
            "First seed. The less they overlap, the better the model knows what it doesn't know.",
            picture,
        )
    if runs := runs_of(roles, "coverage", "risk", tuple(NAMES), inside="coverage risk"):
        yield _lines(
            "Coverage and risk",
            "Share of wrong answers by share of inputs answered, the surest first.",
            f"Forgotten inputs count as wrong. {_runs(runs)}",
            series_of(runs),
            x_label="share of inputs answered",
            y_label="share of these that are wrong",
            x_range=(0, 1),
            y_range=(0, 1),
        )


def _sequence(roles: Roles) -> Iterator[Chart]:
    for key, words in (("ra", "retained accuracy"), ("false_accept", "forgotten inputs answered")):
        runs = _orders(roles, key)
        if not runs:
            continue
        series = series_of(runs)
        if key == "ra" and (base := _orders(roles, "prior").get("unlearned")):
            series.append(Series("commonest class alone", *mean_curve(base), "reference"))
        last = max(1, xs_of(runs)[-1])
        yield _lines(
            f"One class after another: {words}",
            f"{words.capitalize()} by number of further classes forgotten.",
            _runs(runs, "order and seed"),
            series,
            x_label="further classes forgotten",
            y_label=words,
            x_range=(0, last),
            y_range=(0, 1),
            marks=last <= 20,
        )


def _orders(roles: Roles, key: str) -> Runs:
    """Return the curves of all orders over the number of classes forgotten."""
    runs: Runs = {}
    for role in AFTER:
        for figure in roles.get(role, ()):
            live, orders = numbers(figure.get("live")), figure.get(key)
            gone = [live[0] - remaining for remaining in live]
            series = [
                curve_of({"x": gone, "y": order}, "x", "y")
                for order in (orders if isinstance(orders, list) else [])
            ]
            if kept := [curve for curve in series if curve is not None]:
                runs.setdefault(role, []).extend(kept)
    return runs


def _probes(roles: Roles) -> Iterator[Chart]:
    for column, title in (
        ("linear", "Linear probe by block"),
        ("nearest_mean", "Nearest class mean by block"),
    ):
        runs = runs_of(roles, "block", column, tuple(NAMES))
        if not runs:
            continue
        series = series_of(runs)
        if bare := runs_of(roles, "block", f"untouched_{column}").get("unlearned"):
            series.append(Series("untouched backbone", *mean_curve(bare), "reference"))
        yield _lines(
            title,
            "Accuracy of a fresh head on forgotten inputs, by block of the encoder.",
            f"High in any pretrained backbone: only a gap means anything. {_runs(runs)}",
            series,
            x_label="block",
            y_label="forgotten inputs right",
            y_range=(0, 1),
            x_named={x: f"{x:g}" for x in xs_of(runs)},
            marks=True,
        )


def _mixed_stream(roles: Roles) -> Iterator[Chart]:
    for role, when in WHEN.items():
        matrix = _first(roles, role, "confusion")
        rows, columns, counts = texts(matrix.get("rows")), texts(matrix.get("columns")), matrix.get("counts")
        if not rows or not columns or not isinstance(counts, list) or len(counts) != len(rows):
            continue
        if not all(numbers(row, len(columns)) and min(row) >= 0 for row in counts):
            continue
        title, description = (
            f"Answers of {NAMES[role]}, {when}",
            "Counts of test inputs by true class and answer.",
        )
        gone = texts(matrix.get("forgotten"))
        picture = confusion(rows, columns, counts, title=title, desc=description, forgotten=gone)
        yield Chart(title, "First seed; all live classes at once.", picture, wide=True)


def _first(roles: Roles, role: str, name: str) -> Mapping[str, Any]:
    """Return a figure of the first seed, an empty one if there is none."""
    first = next(iter(roles.get(role, ())), {}).get(name)
    return first if isinstance(first, Mapping) else {}


DRAWN: dict[str, Callable[[Roles], Iterator[Chart]]] = {
    "membership": partial(_rocs, title="Membership"),
    "lira": partial(_rocs, title="Shadow models"),
    "key_recovery": partial(_recovery, title="Key recovery", columns={"regained": ""}),
    "row_recovery": partial(
        _recovery,
        title="Row recovery",
        columns={"centroid": ", class mean", "difference": ", difference of means"},
    ),
    "relearn": _relearn,
    "abstention": _abstention,
    "sequence": _sequence,
    "probes": _probes,
    "mixed_stream": _mixed_stream,
}
