"""Parts of an SVG chart as texts: axes, legends, lines. All text is escaped; no script or style sheet is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import Any, NamedTuple

WIDTH, HEIGHT = 360.0, 250.0
LEFT, RIGHT, BOTTOM = 48.0, 12.0, 38.0
SIZE = 11
"""Of text, in the units of a chart."""
LETTER = 5.8
"""How wide a letter is on average."""

Point = tuple[float, float]


class Style(NamedTuple):
    """How a line is drawn, in colour and without."""

    colour: str
    dash: str = ""
    width: float = 2


STYLES = {
    "unlearned": Style("var(--unlearned, #c2410c)"),
    "retrain": Style("var(--retrain, #0369a1)", "7 4"),
    "original": Style("var(--original, #6b7280)", "2 3"),
    "reference": Style("currentColor", "1 4", 1.5),
    "retained": Style("var(--retained, #0f766e)"),
    "forgotten": Style("var(--forgotten, #9d174d)", "5 3"),
}
GRID = Style("currentColor", "", 1)


LEAST = 1e-12
"""The lowest number that a log axis shows."""


@dataclass(frozen=True)
class Axis:
    """From values `low..high` to places `start..end`; what lies outside is put to the nearer end."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    named: Mapping[float, str] | None = None
    """Ticks to take, with their labels, instead of round numbers."""

    def at(self, value: float) -> float:
        """Return the place of a value.

        >>> Axis(0.01, 1, 0, 100, log=True).at(0.1)
        50.0
        """
        inside = min(max(value, self.low), self.high)
        if self.log:
            share = log10(inside / self.low) / log10(self.high / self.low)
        else:
            share = (inside - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return about five round values, powers of ten on a log axis.

        >>> Axis(0, 1, 0, 100).ticks()
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
        """
        if self.log:
            powers = range(ceil(log10(self.low) - 1e-9), floor(log10(self.high) + 1e-9) + 1)
            return [10.0**power for power in powers]
        rough = (self.high - self.low) / 5
        unit = 10.0 ** floor(log10(rough))
        step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * 0.999)
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [round(place * step, 12) for place in range(first, last + 1)]

    def labels(self) -> list[tuple[float, str]]:
        """Return ticks and what is written at them."""
        return (
            [(tick, ticked(tick)) for tick in self.ticks()] if self.named is None else [*self.named.items()]
        )


def tag(name: str, text: str = "", *, spoken: str = "", **attributes: Any) -> str:
    """Return an element; `text` is escaped, `spoken` is shown on hovering, `stroke_width` is written `stroke-width`.

    >>> tag("text", "a < b", x=1.0)
    '<text x="1">a &lt; b</text>'
    """
    written = "".join(
        f' {key.replace("_", "-")}="{escape(number(value))}"'
        for key, value in attributes.items()
        if value != ""
    )
    inner = f"<title>{escape(spoken)}</title>" * bool(spoken) + escape(text)
    return f"<{name}{written}>{inner}</{name}>"


def number(value: Any) -> str:
    """Return a coordinate with at most two digits after the point, and anything else as text."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def path(points: Sequence[Point]) -> str:
    """Return straight lines through points as the `d` of a path.

    >>> path([(0, 1.5), (2, 3)])
    'M0 1.5L2 3'
    """
    return "M" + "L".join(f"{number(float(x))} {number(float(y))}" for x, y in points)


def stroke(style: Style, width: float | None = None, opacity: float = 1) -> dict[str, Any]:
    """Return the attributes of a line in a style."""
    look = {"fill": "none", "stroke": style.colour, "stroke_width": style.width if width is None else width}
    return {**look, "stroke_dasharray": style.dash, "stroke_opacity": "" if opacity == 1 else opacity}


def line(start: Point, end: Point, style: Style, opacity: float = 1) -> str:
    """Return a straight line."""
    return tag("path", d=path([start, end]), **stroke(style, opacity=opacity))


def mark(x: float, y: float, style: Style) -> str:
    """Return a dot on a full line, and a square on a dashed one."""
    if not style.dash:
        return tag("circle", cx=x, cy=y, r=3.0, fill=style.colour)
    look: dict[str, Any] = {"fill": "var(--paper, #fff)", "stroke": style.colour, "stroke_width": 1.5}
    return tag("rect", x=x - 3, y=y - 3, width=6.0, height=6.0, **look)


def svg(height: float, title: str, desc: str, parts: Sequence[str], width: float = WIDTH) -> str:
    """Return a whole picture, to be put into HTML: `title` names it, and `desc` says what it shows."""
    size = {
        "viewBox": f"0 0 {number(width)} {number(height)}",
        "width": number(width),
        "height": number(height),
    }
    said = "".join(f' {key}="{value}"' for key, value in size.items())
    head = f"<title>{escape(title)}</title><desc>{escape(desc)}</desc>"
    group = f'<g font-size="{SIZE}" font-family="system-ui, sans-serif" fill="currentColor">'
    return f'<svg role="img"{said}>{head}{group}{"".join(parts)}</g></svg>'


def axes(across: Axis, up: Axis, x_label: str, y_label: str) -> list[str]:
    """Return both axes with grid, ticks and labels."""
    parts = []
    for tick, text in up.labels():
        y = up.at(tick)
        parts.append(line((across.start, y), (across.end, y), GRID, 0.18))
        parts.append(tag("text", text, x=across.start - 5, y=y + 4, text_anchor="end"))
    for tick, text in across.labels():
        x = across.at(tick)
        parts.append(line((x, up.start), (x, up.start + 4), GRID, 0.6))
        parts.append(tag("text", text, x=x, y=up.start + 15, text_anchor="middle"))
    parts.append(line((across.start, up.start), (across.end, up.start), GRID, 0.6))
    middle = (across.start + across.end) / 2
    parts.append(tag("text", x_label, x=middle, y=up.start + 31, text_anchor="middle"))
    height = (up.start + up.end) / 2
    turned = {"transform": f"rotate(-90 11 {number(height)})", "text_anchor": "middle"}
    parts.append(tag("text", y_label, x=11, y=height, **turned))
    return parts


def legend(styles: Mapping[str, str]) -> tuple[list[str], float]:
    """Return a legend of names by key of `STYLES`, and its height; wrapped to the width of a chart."""
    parts, x, y = list[str](), 8.0, 12.0
    for name, style in styles.items():
        width = 30 + LETTER * len(name) + 14
        if x > 8 and x + width > WIDTH:
            x, y = 8.0, y + 16
        parts.append(line((x, y - 4), (x + 24, y - 4), STYLES[style]))
        parts.append(tag("text", name, x=x + 29, y=y))
        x += width
    return parts, y + 4


def range_of(values: Sequence[float], log: bool) -> Point:
    """Return the ends of an axis that holds the values; positive ones if it is logarithmic.

    On a log axis what is below `LEAST` lies at its end; values closer together than can be told count as one.
    """
    used = [value for value in values if value >= LEAST or not log]
    low, high = (min(used), max(used)) if used else (0.1, 1.0)
    if high - low > 1e-9 * max(abs(low), abs(high), LEAST if log else 1e-3):
        return low, high
    return (low / 10, high * 10) if log else (low - 0.5, high + 0.5)


def ticked(value: float) -> str:
    """Return a tick as short as it can be read.

    >>> [ticked(x) for x in (0.0, 0.25, 1.0, 0.001, 20000.0, 1e-05)]
    ['0', '0.25', '1', '0.001', '20000', '1e-05']
    """
    return f"{value:.6g}".replace("-", "−", 1) if value < 0 else f"{value:.6g}"


def signed(value: float) -> str:
    """Return a number with its sign, as short as it can be read.

    >>> signed(-0.0312), signed(-2e-17), signed(0.000021), signed(12345.6)
    ('−0.031', '0', '+0.000021', '+12,346')
    """
    value = _whole(value)
    return ("+" if value > 0 else "−" if value < 0 else "") + plain(abs(value))


def _whole(value: float) -> float:
    """Return 0 for what is nothing but rounding."""
    return 0.0 if abs(value) < 1e-12 else value


def plain(value: float) -> str:
    """Return a number as short as it can be read.

    >>> plain(1.0), plain(14.25), plain(1234567), plain(0.000012), plain(1.2e-9), plain(50), plain(3e-17)
    ('1.000', '14.25', '1,234,567', '0.000012', '1.2e-09', '50', '0')
    """
    value = _whole(value)
    size = abs(value)
    if size >= 100 or size == 0 or (size >= 10 and size == round(size)):
        text = f"{size:,.0f}"
    elif size < 0.0005:
        text = f"{size:.{1 - floor(log10(size))}f}" if size >= 1e-5 else f"{size:.1e}"
    else:
        text = f"{size:.2f}" if size >= 10 else f"{size:.3f}"
    return ("−" if value < 0 else "") + text


def short(text: str, most: int = 17) -> str:
    """Return at most `most` letters of a text."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
