"""How the page writes shares, times, numbers and counts."""

from __future__ import annotations

import math


def percent(share: float) -> str:
    """Return a share as people read it; never 100 % for less.

    >>> percent(0.5), percent(0.9996), percent(1.0), percent(0.0001)
    ('50 %', '99.9 %', '100 %', '< 0.1 %')
    """
    if 0 < share < 0.001:
        return "< 0.1 %"
    tenths = math.floor(share * 1000) / 10 if share < 1 else 100.0
    return f"{tenths:.0f} %" if tenths in (0, 100) or share * 100 == round(share * 100) else f"{tenths:.1f} %"


def moment(time: str) -> str:
    """Return an RFC 3339 time as people read it.

    >>> moment("2026-01-31T12:00:00.000Z")
    '31 Jan 2026, 12:00:00 UTC'
    """
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    return f"{int(time[8:10])} {months[int(time[5:7]) - 1]} {time[:4]}, {time[11:19]} UTC"


def number(value: float, digits: int = 0) -> str:
    """Return a number with thousands set apart; far from zero in few figures.

    >>> number(1234567), number(-70.21851, 3), number(0.51234, 3)
    ('1,234,567', '−70.219', '0.512')
    """
    text = f"{value:.3g}" if abs(value) >= 1e9 else f"{value:,.{digits}f}"
    return text.replace("-", "−")


def counted(count: int, one: str, several: str = "") -> str:
    """Return how many there are of something.

    >>> counted(1, "class", "classes"), counted(1200, "record")
    ('1 class', '1,200 records')
    """
    return f"{count:,} {one if count == 1 else several or one + 's'}"
