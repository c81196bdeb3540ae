"""Charts: points lie where their values say, nothing is lost, and what lies outside is seen to."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preforget.pictures.figures import Gap, Series, confusion, gap_plot, histogram_pair, line_chart

WORDS = {"title": "a chart", "desc": "what it shows"}
AXES = {**WORDS, "x_label": "shots", "y_label": "share"}


def read(picture: str) -> ElementTree.Element:
    root = ElementTree.fromstring(picture)
    assert root.attrib["role"] == "img"
    assert [child.text for child in root[:2]] == ["a chart", "what it shows"]
    return root


def texts(root: ElementTree.Element) -> list[str]:
    return [one.text or "" for one in root.iter("text")]


def points(path: ElementTree.Element) -> list[tuple[float, float]]:
    numbers = [float(one) for one in re.findall(r"-?[\d.]+", path.attrib["d"])]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def lines(root: ElementTree.Element, style: str) -> list[ElementTree.Element]:
    """Curves of a style; the first is the legend's."""
    return [one for one in root.iter("path") if f"--{style}," in one.attrib["stroke"]]


def test_a_line_by_hand() -> None:
    root = read(
        line_chart([Series("Retrain", [0, 5, 10], [0.0, 1.0, 0.5], "retrain")], **AXES, y_range=(0, 1))
    )
    _, curve = lines(root, "retrain")
    assert curve.attrib["stroke-dasharray"] == "7 4"
    top, bottom = 16 + 8, 250 - 38 + 16
    assert points(curve) == [(48, bottom), (198, top), (348, (top + bottom) / 2)]
    assert {"Retrain", "shots", "share", "0", "10"} <= set(texts(root))


def test_gaps_break_a_line_and_a_lone_point_is_a_dot() -> None:
    series = Series("Unlearned", [0, 1, 2, 3, 4], [0.1, 0.2, None, 0.4, None], "unlearned")
    root = read(line_chart([series], **AXES))
    assert [len(points(one)) for one in lines(root, "unlearned")] == [2, 2]
    assert len(list(root.iter("circle"))) == 1
    marked = read(line_chart([series], **AXES, marks=True))
    assert len(list(marked.iter("circle"))) == 3


def test_zero_is_drawn_at_the_edge_of_log_axes() -> None:
    roc = Series("Unlearned", [0, 0.01, 1], [0, 0.1, 1], "unlearned")
    log: dict[str, Any] = {"x_log": True, "y_log": True, "x_range": (0.01, 1), "y_range": (0.01, 1)}
    _, curve = lines(read(line_chart([roc], **AXES, **log)), "unlearned")
    assert points(curve) == [(48, 228), (48, 126), (348, 24)]


def test_curves_of_one_name_share_an_entry_and_runs_are_faint() -> None:
    runs = [Series("Unlearned", [0, 1], [0, y], "unlearned", faint=True) for y in (0.4, 0.6)]
    root = read(line_chart([Series("Unlearned", [0, 1], [0, 0.5], "unlearned"), *runs], **AXES))
    assert texts(root).count("Unlearned") == 1
    widths = [one.attrib["stroke-width"] for one in lines(root, "unlearned")[1:]]
    assert widths == ["1", "1", "2"]  # the mean on top


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.none() | st.floats(-1e6, 1e6)), max_size=20))
@settings(max_examples=40, deadline=None)
def test_any_curve_stays_inside(values: list[tuple[float, float | None]]) -> None:
    series = Series("Original", [x for x, _ in values], [y for _, y in values], "original")
    for log in (False, True):
        root = read(line_chart([series], **AXES, x_log=log, y_log=log))
        for one in lines(root, "original")[1:]:
            assert all(48 <= x <= 348 and 24 <= y <= 228 for x, y in points(one))


def test_a_histogram_has_the_area_of_its_shares() -> None:
    edges, shares = [0.0, 1.0, 2.0, 4.0], {"retained": [0.25, 0.25, 0.5], "forgotten": [1.0, 0.0, 0.0]}
    root = read(histogram_pair(edges, shares, **WORDS, x_label="confidence"))
    for name, own in shares.items():
        _, outline = lines(root, name)
        corners = points(outline)
        heights = [(228 - y) / (228 - 24) * 1.05 for _, y in corners[1:-1:2]]
        assert heights == pytest.approx(own, abs=1e-4)
        assert [x for x, _ in corners[1:-1:2]] == pytest.approx(np.interp(edges[:-1], [0, 4], [48, 348]))
        assert outline.attrib["fill-opacity"] == "0.15"
    assert {"retained", "forgotten", "confidence", "share of inputs"} <= set(texts(root))


def test_confusion_by_hand() -> None:
    picture = confusion(["a", "b"], ["a", "none"], [[3, 1], [0, 4]], **WORDS, forgotten=["b"])
    root = read(picture)
    cells = [float(one.attrib["fill-opacity"]) for one in root.iter("rect")]
    assert cells == pytest.approx([0.5 * share**0.6 for share in (0.75, 0.25, 0, 1)], abs=0.01)
    assert [one for one in texts(root) if one.isdigit()] == ["3", "1", "4"]
    bold = [one.text for one in root.iter("text") if one.attrib.get("font-weight") == "bold"]
    assert bold == ["3", "✕ b"]
    assert "b answered as none: 4" in picture


def test_many_classes_have_no_numbers_but_a_wider_picture() -> None:
    names = [f"class {number}" for number in range(60)]
    root = read(confusion(names, [*names, "none"], np.eye(60, 61, dtype=int).tolist(), **WORDS))
    assert not [one for one in texts(root) if one.isdigit()]
    assert float(root.attrib["width"]) > 60 * 12
    assert len(list(root.iter("rect"))) == 60 * 61


def test_gaps_by_hand() -> None:
    rows = [
        Gap("small", 0.01, 0.05, "equivalent", (-0.05, 0.05), (0.0, 0.02)),
        Gap("large", 0.1, 0.05, "different", (0.05, 0.9)),
        Gap("one seed", -0.2, 0.1, "undecided"),
    ]
    root = read(gap_plot(rows, **WORDS))
    margin = (211 - 14) / 8
    middle = (14 + 211) / 2
    circles = [(float(one.attrib["cx"]), one.attrib["fill"]) for one in root.iter("circle")]
    assert circles == [
        (pytest.approx(middle + margin / 5, abs=0.01), "currentColor"),
        (63.25, "var(--paper, #fff)"),
    ]
    diamond = next(one for one in root.iter("path") if one.attrib["fill"].startswith("var(--unlearned"))
    assert points(diamond)[0][0] == pytest.approx(middle + 2 * margin, abs=0.01)
    spans = [(points(one)[0][0], points(one)[-1][0]) for one in root.iter("path") if len(points(one)) == 2]
    assert (pytest.approx(middle - margin, abs=0.01), pytest.approx(middle + margin, abs=0.01)) in spans
    ends = [points(one) for one in root.iter("path") if len(points(one)) == 3]
    assert [one[1][0] - one[0][0] for one in ends] == [0, 0, 0, 6]  # an arrow where it goes on
    assert {"● +0.010 equivalent", "◆ +0.100 different", "○ −0.200 undecided"} <= set(texts(root))


def test_long_titles_are_wrapped() -> None:
    short, long = (gap_plot([Gap(text, 0, 1, "undecided")], **WORDS) for text in ("a", "many words " * 20))
    assert float(read(long).attrib["height"]) > float(read(short).attrib["height"])
    assert all(len(one) <= 58 for one in texts(read(long)))
    assert " ".join(one for one in texts(read(long)) if "many" in one) == ("many words " * 20).strip()


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "\"' onload='x", "</svg><img src=x>", "&lt;"])
def test_all_text_is_escaped(text: str) -> None:
    own = {"title": text, "desc": text}
    pictures = [
        line_chart(
            [Series(text, [0, 1], [0, 1], "retrain")], **own, x_label=text, y_label=text, x_named={0: text}
        ),
        histogram_pair([0, 1], {"retained": [1.0]}, **own, x_label=text, y_label=text),
        confusion([text], [text], [[1]], **own, forgotten=[text]),
        gap_plot([Gap(text, 0, 1, "undecided")], **own),
    ]
    for picture in pictures:
        root = ElementTree.fromstring(picture)
        assert {one.tag for one in root.iter()} <= {
            "svg",
            "title",
            "desc",
            "g",
            "path",
            "text",
            "rect",
            "circle",
        }
        assert [child.text for child in root[:2]] == [text, text]
        assert not any(name.startswith("on") for one in root.iter() for name in one.attrib)
