"""Axes put values where they belong, and no text can become markup."""

from __future__ import annotations

from math import log10
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preforget.pictures.svg import (
    STYLES,
    WIDTH,
    Axis,
    axes,
    legend,
    mark,
    plain,
    range_of,
    short,
    signed,
    svg,
    tag,
)

NUMBERS = st.floats(-1e9, 1e9)


def test_places_by_hand() -> None:
    assert Axis(0, 10, 48, 348).at(2.5) == 48 + 75
    assert Axis(0, 10, 212, 12).at(2.5) == 212 - 50  # upwards
    assert Axis(0.001, 1, 0, 300, log=True).at(0.01) == pytest.approx(100)
    assert Axis(0.001, 1, 0, 300, log=True).at(0) == 0
    assert Axis(0, 10, 0, 100).at(11) == 100


def test_ticks_by_hand() -> None:
    assert Axis(0, 100, 0, 1).ticks() == [0, 20, 40, 60, 80, 100]
    assert Axis(-1, 1, 0, 1).ticks() == [-1, -0.5, 0, 0.5, 1]
    assert Axis(0.02, 1, 0, 1, log=True).ticks() == [0.1, 1]
    assert Axis(0, 2, 0, 1, named={0: "none", 2: "fifty"}).labels() == [(0, "none"), (2, "fifty")]
    assert Axis(-1, 1, 0, 1).labels()[0] == (-1, "−1")


@settings(deadline=None)
@given(
    st.tuples(NUMBERS, NUMBERS).map(sorted).filter(lambda ends: ends[1] - ends[0] > 1e-6), st.lists(NUMBERS)
)
def test_axes_keep_order_and_ticks_lie_inside(ends: list[float], values: list[float]) -> None:
    axis = Axis(*ends, 48, 348)
    places = [axis.at(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(48 <= place <= 348 for place in places)
    ticks, slack = axis.ticks(), 1e-6 * (ends[1] - ends[0]) + 1e-9
    assert 2 <= len(ticks) <= 7 or ends[1] - ends[0] < 1e-5 * max(map(abs, ends))
    assert all(ends[0] - slack <= tick <= ends[1] + slack for tick in ticks)


@settings(deadline=None)
@given(st.floats(1e-9, 1), st.floats(1e-9, 1))
def test_log_axes_measure_ratios(low: float, value: float) -> None:
    axis = Axis(low / 2, 2, 0, 1, log=True)
    inside = max(value, low / 2)
    assert axis.at(value) == pytest.approx((log10(inside) - log10(low / 2)) / log10(2 / (low / 2)))


def test_ranges() -> None:
    assert range_of([3, 1, 2], log=False) == (1, 3)
    assert range_of([0, 0.1, 1], log=True) == (0.1, 1)
    for values in ([], [2.0], [0.0]):
        for log in (False, True):
            low, high = range_of(values, log)
            assert low < high
            assert low > 0 or not log


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])))
def test_text_is_read_as_it_was_given(text: str) -> None:
    picture = svg(10, text, text, [tag("text", text, spoken=text, data_name=text or "none")])
    root = ElementTree.fromstring(picture)
    assert [child.text or "" for child in root[:2]] == [text, text]
    (shown,) = root[2]
    assert shown.attrib == {"data-name": text or "none"}
    assert "".join(shown.itertext()) == text * 2


def test_pictures_scale_and_are_named() -> None:
    root = ElementTree.fromstring(svg(123.456, "a name", "a description", []))
    assert root.attrib == {"viewBox": "0 0 360 123.46", "width": "360", "height": "123.46", "role": "img"}
    assert [child.tag for child in root] == ["title", "desc", "g"]


def test_colour_is_never_alone() -> None:
    looks = [
        (style.dash, style.width) for name, style in STYLES.items() if name not in ("retained", "forgotten")
    ]
    assert len(set(looks)) == len(looks)
    assert STYLES["retained"].dash != STYLES["forgotten"].dash
    assert mark(1, 1, STYLES["unlearned"]).startswith("<circle")
    assert mark(1, 1, STYLES["retrain"]).startswith("<rect")
    assert all(
        style.colour == "currentColor" or style.colour.startswith("var(--") for style in STYLES.values()
    )


def test_legends_wrap() -> None:
    one, low = legend({"Original": "original"})
    many, high = legend({f"a name of some length {number}": "original" for number in range(5)})
    assert len(one) == 2
    assert len(many) == 10
    assert high > low
    for text in many[1::2]:
        assert float(ElementTree.fromstring(text).attrib["x"]) < WIDTH


def test_axes_show_both_labels() -> None:
    text = "".join(axes(Axis(0, 1, 48, 348), Axis(0, 1, 212, 12), "shots <k>", "share"))
    assert "shots &lt;k&gt;" in text
    assert ">share<" in text
    assert text.count(">0.4<") == 2


@settings(deadline=None)
@given(st.floats(-1e6, 1e6))
def test_numbers_are_read_as_they_are(value: float) -> None:
    assert float(signed(value).replace("−", "-").replace(",", "")) == pytest.approx(value, rel=0.06, abs=5e-4)
    assert signed(value).lstrip("+") == plain(value)


def test_long_names_are_cut() -> None:
    assert short("immature granulocyte") == "immature granulo…"
    assert short("platelet") == "platelet"
