from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from preforget.benchmark.trade_off import APART, FOOT, TOP, numbers_at, said, size_of, trade_off
from preforget.pictures.svg import HEIGHT, WIDTH

from .examples import row

ROWS = [row("exact", engine=True, ra=0.95, forget_seconds=1e-4), row("retrain"), row("a<b", fa=0.5)]


def test_every_contender_is_there_and_escaped() -> None:
    picture = trade_off([*ROWS, replace(row("gone"), cells=0, values={})], "a & b", "desc")
    tree = ET.fromstring(picture)
    texts = [element.text or "" for element in tree.iter() if element.tag == "text"]
    assert "a<b, 10 s" in texts
    assert not any("gone" in text for text in texts)
    assert sum(element.tag == "circle" for element in tree.iter()) == 2  # the mark and its legend
    assert sum(element.tag == "rect" for element in tree.iter()) == 4
    assert "a<b: FA 50.0 %, RA 90.0 %, 10 s to forget" in said(ROWS[2])


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from([74.0, 100.0]), st.floats(TOP, HEIGHT - FOOT)), min_size=1, max_size=18
    )
)
def test_numbers_do_not_lie_on_each_other(places: list[tuple[float, float]]) -> None:
    found = numbers_at(places, TOP, HEIGHT - FOOT)
    for place, (x, y) in enumerate(found):
        assert TOP <= y <= HEIGHT - FOOT
        assert x <= WIDTH
        for a, b in found[:place]:
            assert abs(x - a) >= APART or abs(y - b) >= APART - 1


def test_cost_shows_in_the_size() -> None:
    assert [size_of(seconds) for seconds in (0, 1e-4, 1e-3, 1.0)] == [3, 3, 4, 7]
