"""Charts as SVG texts: lines, two histograms, a confusion matrix, gaps beside their margins.

Each is 360 units wide, so that its text can be read on a phone; it scales. Colours are CSS variables of the page with a
fallback; what a colour says is also said by dashes, marks or words, so that it survives print and colour blindness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from preforget.pictures.svg import (
    BOTTOM,
    GRID,
    HEIGHT,
    LEFT,
    LETTER,
    RIGHT,
    STYLES,
    WIDTH,
    Axis,
    Point,
    Style,
    axes,
    legend,
    line,
    mark,
    number,
    path,
    range_of,
    short,
    signed,
    stroke,
    svg,
    tag,
    ticked,
)

MARKS = {"equivalent": "●", "different": "◆", "undecided": "○"}
LARGE = 20
"""Above that many classes a confusion matrix shows no numbers."""
RESULTS = 224.0
"""Where the words on a gap begin."""
LETTERS = 58
"""Of a title on one line of a chart."""


@dataclass(frozen=True)
class Series:
    """One curve: `x`, `y [n]`, None where there is no point; `style`: one of `STYLES`; `faint`: one run of several."""

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    style: str
    faint: bool = False


@dataclass(frozen=True)
class Gap:
    """One row of `gap_plot`; all numbers in the unit of the measure. `inner`: a narrower interval, drawn thick."""

    title: str
    gap: float
    margin: float
    verdict: str
    interval: Point | None = None
    inner: Point | None = None


def line_chart(
    series: Sequence[Series],
    *,
    title: str,
    desc: str,
    x_label: str,
    y_label: str,
    x_log: bool = False,
    y_log: bool = False,
    x_range: Point | None = None,
    y_range: Point | None = None,
    x_named: Mapping[float, str] | None = None,
    marks: bool = False,
) -> str:
    """Draw curves on linear or log axes; ranges are those of the data by default, `marks` puts a dot on each point.
    `x_named`: ticks and what is written at them.

    On a log axis zero is drawn at the lower end. Curves of one name share an entry of the legend.
    """
    entries, top = legend({one.name: one.style for one in series})
    xs = [x for one in series for x in one.x]
    ys = [y for one in series for y in one.y if y is not None]
    across = Axis(*(x_range or range_of(xs, x_log)), LEFT, WIDTH - RIGHT, x_log, x_named)
    up = Axis(*(y_range or range_of(ys, y_log)), HEIGHT - BOTTOM + top, top + 8, y_log)
    parts = [*entries, *axes(across, up, x_label, y_label)]
    for one in sorted(series, key=lambda one: not one.faint):
        parts += _curve(one, across, up, marks)
    return svg(HEIGHT + top, title, desc, parts)


def _curve(one: Series, across: Axis, up: Axis, marks: bool) -> list[str]:
    """Draw a curve, broken where it has no point; a lone point is a dot."""
    pieces: list[list[Point]] = [[]]
    for x, y in zip(one.x, one.y, strict=False):
        if y is None:
            pieces.append([])
        else:
            pieces[-1].append((across.at(x), up.at(y)))
    style, parts = STYLES[one.style], list[str]()
    width = 1.0 if one.faint else style.width
    for piece in filter(None, pieces):
        if len(piece) > 1:
            parts.append(tag("path", d=path(piece), **stroke(style, width, 0.45 if one.faint else 1)))
        if not one.faint and (marks or len(piece) == 1):
            parts += [mark(x, y, style) for x, y in piece]
    return parts


def histogram_pair(
    edges: Sequence[float],
    shares: Mapping[str, Sequence[float]],
    *,
    title: str,
    desc: str,
    x_label: str,
    y_label: str = "share of inputs",
) -> str:
    """Draw histograms over the same `edges [bins + 1]`, shares `[bins]` by names of `STYLES`, as filled outlines."""
    entries, top = legend({name: name for name in shares})
    highest = max((share for heights in shares.values() for share in heights), default=0.0)
    across = Axis(edges[0], edges[-1], LEFT, WIDTH - RIGHT)
    up = Axis(0, highest * 1.05 or 1.0, HEIGHT - BOTTOM + top, top + 8)
    parts = [*entries, *axes(across, up, x_label, y_label)]
    for name, heights in shares.items():
        corners = [(edges[0], 0.0)]
        for left, right, share in zip(edges, edges[1:], heights, strict=False):
            corners += [(left, share), (right, share)]
        outline = path([(across.at(x), up.at(y)) for x, y in [*corners, (edges[-1], 0.0)]])
        look = {**stroke(STYLES[name], 1.75), "fill": STYLES[name].colour, "fill_opacity": 0.15}
        parts.append(tag("path", d=outline, **look))
    return svg(HEIGHT + top, title, desc, parts)


def confusion(
    rows: Sequence[str],
    columns: Sequence[str],
    counts: Sequence[Sequence[int]],
    *,
    title: str,
    desc: str,
    forgotten: Sequence[str] = (),
    mark: str = "to be forgotten",
) -> str:
    """Draw counts `[rows, columns]`: a cell is the darker, the larger its share of the row; right answers are bold.

    Rows of `forgotten` labels have a cross, which means `mark`. The more classes, the wider the picture.
    """
    large = max(len(rows), len(columns)) > LARGE
    longest = max((len(short(name)) for name in (*rows, *columns)), default=0)
    crossed = max((len(short(name)) + 2 for name in rows if name in forgotten), default=0)
    left, top = 24 + LETTER * max(longest, crossed), 24 + LETTER * 0.8 * longest
    slant = LETTER * 0.65 * max((len(short(name)) for name in columns[-1:]), default=0)
    cell = 12.0 if large else max(22.0, min(34.0, (WIDTH - left - slant) / max(1, len(columns))))
    width, height = max(WIDTH, left + cell * len(columns) + slant), top + cell * len(rows) + 24
    parts = [tag("text", "true class ↓ answer →", x=4, y=12, fill_opacity=0.8)]
    for column, name in enumerate(columns):
        x, y = left + cell * (column + 0.6), top - 5
        parts.append(tag("text", short(name), x=x, y=y, transform=f"rotate(-50 {number(x)} {number(y)})"))
    for row, (name, row_counts) in enumerate(zip(rows, counts, strict=True)):
        y, gone = top + cell * row, name in forgotten
        look: dict[str, Any] = {"text_anchor": "end", "font_weight": "bold" if gone else ""}
        parts.append(tag("text", "✕ " * gone + short(name), **_at(left - 5, y + cell / 2 + 4), **look))
        colour = STYLES["forgotten" if gone else "retrain"].colour
        for column, count in enumerate(row_counts):
            x, share = left + cell * column, count / (sum(row_counts) or 1)
            look = {
                "fill": colour,
                "fill_opacity": 0.5 * share**0.6,
                "stroke": "currentColor",
                "stroke_opacity": 0.25,
            }
            spoken = f"{name} answered as {columns[column]}: {count}" if count else ""
            parts.append(tag("rect", spoken=spoken, **_at(x, y), width=cell, height=cell, **look))
            if count and not large:
                look = {"text_anchor": "middle", "font_weight": "bold" if columns[column] == name else ""}
                parts.append(tag("text", str(count), **_at(x + cell / 2, y + cell / 2 + 4), **look))
    if forgotten:
        parts.append(tag("text", f"✕ {mark}; bold: right", x=4, y=height - 6, fill_opacity=0.8))
    return svg(height, title, desc, parts, width)


def _at(x: float, y: float) -> dict[str, Any]:
    return {"x": x, "y": y}


def gap_plot(rows: Sequence[Gap], *, title: str, desc: str, reach: float = 4) -> str:
    """Draw gaps and their intervals in multiples of each margin; the band is where a gap counts as none.

    What lies beyond `reach` margins ends in an arrow.
    """
    across = Axis(-reach, reach, 14, 211, named={x: ticked(x) for x in (-reach, -1, 0, 1, reach)})
    parts, y = list[str](), 2.0
    for one in rows:
        look: dict[str, Any] = {"font_weight": "bold" if one.verdict == "different" else ""}
        for text in wrap(one.title, LETTERS):
            y += 14
            parts.append(tag("text", text, **_at(4, y), **look))
        y += 18
        parts += [*_band(across, y - 4), *_gap(one, across, y - 4)]
        said = f"{MARKS.get(one.verdict, '')} {signed(one.gap)} {one.verdict}"
        parts.append(tag("text", said, **_at(RESULTS, y), **look))
        y += 8
    for tick, text in across.labels():
        parts.append(tag("text", text, **_at(across.at(tick), y + 12), text_anchor="middle"))
    parts.append(tag("text", "gap in margins", **_at(RESULTS, y + 12), fill_opacity=0.8))
    return svg(y + 18, title, desc, parts)


def _band(across: Axis, y: float) -> list[str]:
    """Draw where a gap counts as none, and a line at zero."""
    low, high = across.at(-1), across.at(1)
    look: dict[str, Any] = {"fill": "currentColor", "fill_opacity": 0.1}
    band = tag("rect", **_at(low, y - 8), width=high - low, height=16.0, **look)
    ends = [line((x, y - 8), (x, y + 8), Style("currentColor", "2 2", 1), 0.5) for x in (low, high)]
    return [band, *ends, line((across.at(0), y - 8), (across.at(0), y + 8), GRID, 0.5)]


def _gap(one: Gap, across: Axis, y: float) -> list[str]:
    """Draw one gap with its intervals at a height."""
    colour = STYLES["unlearned"].colour if one.verdict == "different" else "currentColor"
    parts = []
    if one.inner is not None:
        low, high = (across.at(end / one.margin) for end in one.inner)
        parts.append(line((low, y), (high, y), Style(colour, "", 6), 0.3))
    if one.interval is not None:
        low, high = (across.at(end / one.margin) for end in one.interval)
        parts.append(line((low, y), (high, y), Style(colour, "", 1.25)))
        for end in one.interval:
            x, far = across.at(end / one.margin), abs(end / one.margin) > across.high
            tip = (6.0 if end > 0 else -6.0) if far else 0.0
            parts.append(
                tag("path", d=path([(x, y - 3.5), (x + tip, y), (x, y + 3.5)]), **stroke(Style(colour), 1.25))
            )
    x = across.at(one.gap / one.margin)
    fill = "var(--paper, #fff)" if one.verdict == "undecided" else colour
    look: dict[str, Any] = {"fill": fill, "stroke": colour, "stroke_width": 1.5}
    if one.verdict == "different":
        corners = [(x, y - 5.5), (x + 5.5, y), (x, y + 5.5), (x - 5.5, y), (x, y - 5.5)]
        return [*parts, tag("path", d=path(corners), **look)]
    return [*parts, tag("circle", cx=x, cy=y, r=3.5, **look)]
