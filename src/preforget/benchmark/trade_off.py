"""The picture of a table: forgetting against retention and the time it takes, contenders by number."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

from preforget.benchmark.tables import Row
from preforget.pictures.svg import (
    HEIGHT,
    LEFT,
    RIGHT,
    STYLES,
    WIDTH,
    Axis,
    Style,
    axes,
    line,
    plain,
    range_of,
    svg,
    tag,
)

TOP, FOOT, STEP = 12.0, 42.0, 16.0
APART = 13.0
"""The least distance of two numbers, so that both can be read."""
ENGINE, METHOD, ORACLE = STYLES["unlearned"], STYLES["retrain"], STYLES["original"]
THIN = Style("currentColor", "", 0.6)


def trade_off(rows: Sequence[Row], title: str, desc: str) -> str:
    """Return an SVG: forget accuracy on the x axis, retained accuracy on y, marks sized by log seconds to forget.

    Engines are discs, methods squares, retraining is a hollow square; a legend explains the numbers beside the marks.
    Rows without values are left out.
    """
    shown = [row for row in rows if row.cells]
    low, high = range_of([row.values["ra"].mean for row in shown], log=False)
    room = 0.08 * (high - low)
    across = Axis(-0.05, 1, LEFT + 10, WIDTH - RIGHT)  # room for a large mark at 0, right of the labels
    up = Axis(max(0, low - room), min(1, high + room), HEIGHT - FOOT, TOP)
    parts = axes(across, up, "forgotten inputs still recognised (FA)", "retained accuracy (RA)")
    points = [(across.at(row.values["fa"].mean), up.at(row.values["ra"].mean)) for row in shown]
    for number, (row, (x, y), (to_x, to_y)) in enumerate(
        zip(shown, points, numbers_at(points, TOP, HEIGHT - FOOT), strict=True), start=1
    ):
        parts += [
            line((x, y), (to_x - 8, to_y), THIN, 0.5),
            tag("text", str(number), x=to_x, y=to_y + 4, text_anchor="middle", spoken=said(row)),
        ]
    on_top = sorted(zip(shown, points, strict=True), key=lambda pair: pair[0].engine)
    parts += [_mark(row, x, y) for row, (x, y) in on_top]
    foot = HEIGHT + 8
    columns, width = 2, (WIDTH - 8) / 2
    for index, row in enumerate(shown):
        x, y = 8 + width * (index % columns), foot + STEP * (index // columns)
        parts.append(_mark(row, x + 22, y - 4, least=True))
        seconds = rough(row.values["forget_seconds"].mean)
        parts.append(tag("text", f"{index + 1}", x=x + 10, y=y, text_anchor="end"))
        parts.append(tag("text", f"{row.who}, {seconds} s", x=x + 32, y=y))
    return svg(foot + STEP * (len(shown) // columns + 1), title, desc, parts)


def said(row: Row) -> str:
    """Return a contender in words."""
    fa, ra, seconds = (row.values[name].mean for name in ("fa", "ra", "forget_seconds"))
    return f"{row.who}: FA {100 * fa:.1f} %, RA {100 * ra:.1f} %, {plain(seconds)} s to forget"


def rough(value: float) -> str:
    """Return a number to two digits, for places with little room.

    >>> rough(0.0001057), rough(5.689), rough(125.3)
    ('0.00011', '5.7', '130')
    """
    return f"{float(f'{value:.2g}'):g}"


def size_of(seconds: float) -> float:
    """Return the radius of a mark: 3 up to a tenth of a millisecond, and one more for each factor of ten.

    >>> size_of(0.0001), size_of(1.0), size_of(0)
    (3.0, 7.0, 3.0)
    """
    return 3 + min(max(log10(max(seconds, 1e-9)) + 4, 0.0), 8.0)


def numbers_at(points: Sequence[tuple[float, float]], top: float, bottom: float) -> list[tuple[float, float]]:
    """Return the positions of the marks' numbers: right of the marks, in columns, so that no two overlap."""
    taken: list[tuple[float, float]] = []
    spots: dict[int, tuple[float, float]] = {}
    for index in sorted(range(len(points)), key=lambda i: (points[i][1], points[i][0])):
        x, y = points[index]
        column = x + 26
        candidates = [
            (column + 18 * over, y + sign * APART * step)
            for over in range(4)
            for step in range(8)
            for sign in (1, -1)
        ]
        free = [
            spot
            for spot in candidates
            if top <= spot[1] <= bottom
            and spot[0] <= WIDTH - 4
            and all(abs(spot[0] - a) >= APART or abs(spot[1] - b) >= APART - 1 for a, b in taken)
        ]
        spots[index] = min(
            free or [(column, y)], key=lambda spot: abs(spot[1] - y) + 0.8 * (spot[0] - column)
        )
        taken.append(spots[index])
    return [spots[index] for index in range(len(points))]


def _mark(row: Row, x: float, y: float, *, least: bool = False) -> str:
    size = 4.0 if least else size_of(row.values["forget_seconds"].mean)
    if row.engine:
        return tag("circle", cx=x, cy=y, r=size, fill=ENGINE.colour, fill_opacity=0.75, spoken=said(row))
    hollow = row.who == "retrain"
    return tag(
        "rect",
        x=x - size,
        y=y - size,
        width=2 * size,
        height=2 * size,
        fill="none" if hollow else METHOD.colour,
        fill_opacity=0.45,
        stroke=ORACLE.colour if hollow else METHOD.colour,
        stroke_width=1.5 if hollow else 1,
        spoken=said(row),
    )
