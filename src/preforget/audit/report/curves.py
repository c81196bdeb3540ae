"""Mean curves of attacks' figures, which are checked first, since they may come from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from preforget.pictures.figures import Series

Curve = tuple[list[float], list[float | None]]
Runs = dict[str, list[Curve]]
"""By role, the curve of each seed."""
Roles = Mapping[str, Sequence[Mapping[str, Any]]]

NAMES = {"original": "Original", "unlearned": "Unlearned", "retrain": "Retrain"}
AFTER = ("unlearned", "retrain")
LARGEST = 1e100
"""Larger numbers aren't data, and their differences may overflow."""


def mean_curve(runs: Sequence[Curve]) -> Curve:
    """Return the mean of curves at every `x` that one of them has; between its points a curve keeps its last value.

    >>> mean_curve([([0, 2], [0.0, 1.0]), ([0, 1], [0.0, 0.5])])
    ([0, 1, 2], [0.0, 0.25, 0.75])
    """
    grid = sorted({x for xs, _ in runs for x in xs})
    means: list[float | None] = []
    for values in zip(*(_held(run, grid) for run in runs), strict=True):
        known = [value for value in values if value is not None]
        means.append(sum(known) / len(known) if known else None)
    return grid, means


def series_of(runs: Runs) -> list[Series]:
    """Return for each role its mean, and thin curves of each seed if there are several."""
    lines = []
    for role, of_role in runs.items():
        if len(of_role) > 1:
            lines += [Series(NAMES[role], *run, role, faint=True) for run in of_role]
        lines.append(Series(NAMES[role], *mean_curve(of_role), role))
    return lines


def xs_of(runs: Runs) -> list[float]:
    """Return every `x` of all curves, ascending."""
    return sorted({x for of_role in runs.values() for xs, _ in of_role for x in xs})


def runs_of(roles: Roles, x: str, y: str, chosen: Sequence[str] = AFTER, inside: str = "") -> Runs:
    """Return the curve of each seed and role, taken from the figure `inside` if that is given."""
    by_role: Runs = {}
    for role in chosen:
        figures = [figure.get(inside) if inside else figure for figure in roles.get(role, ())]
        curves = [curve for figure in figures if (curve := curve_of(figure, x, y)) is not None]
        if curves:
            by_role[role] = curves
    return by_role


def curve_of(figure: Any, x: str, y: str) -> Curve | None:
    """Return two lists of numbers of one length, None if a figure has none; `y` may have gaps."""
    if not isinstance(figure, Mapping):
        return None
    xs, ys = numbers(figure.get(x)), figure.get(y)
    known = isinstance(ys, list) and all(value is None or is_number(value) for value in ys)
    return (xs, list(ys)) if xs and known and isinstance(ys, list) and len(xs) == len(ys) else None


def numbers(values: Any, length: int | None = None) -> list[float]:
    """Return a list of numbers, of a length if one is given, and an empty one for anything else."""
    if not isinstance(values, list) or (length is not None and len(values) != length):
        return []
    return list(values) if all(map(is_number, values)) else []


def texts(values: Any) -> list[str]:
    """Return a list of texts, and an empty one for anything else."""
    return list(values) if isinstance(values, list) and all(isinstance(text, str) for text in values) else []


def is_number(value: Any) -> bool:
    """Return whether a value is a number that can be drawn, not a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def _held(run: Curve, grid: Sequence[float]) -> list[float | None]:
    """Return a curve's last value at or before each `x`, None before its first point."""
    points, index = sorted(zip(*run, strict=True), key=lambda point: point[0]), 0
    value, held = None, []
    for x in grid:
        while index < len(points) and points[index][0] <= x:
            value = points[index][1]
            index += 1
        held.append(value)
    return held
