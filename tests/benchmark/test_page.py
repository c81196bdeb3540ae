from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

from preforget.benchmark.columns import COLUMNS
from preforget.benchmark.context import Context
from preforget.benchmark.headlines import Grid, Summary, summary
from preforget.benchmark.page import page
from preforget.benchmark.tables import results_of

from .examples import results, row


class Balanced(HTMLParser):
    """Collects open tags and visible text; fails for a tag that closes another."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(html: str) -> str:
    parser = Balanced()
    parser.feed(html)
    assert parser.open == []
    return re.sub(r"\s+", " ", " ".join(parser.text))


def test_all_is_said_and_escaped() -> None:
    failed = replace(row("ssd"), cells=0, values={}, failed=("no <images>",), missing=2)
    found = results(row("exact", engine=True, spread=0.01), row("drop_row"), failed)
    grid = Grid("In <short>", ("", "exact"), (("speed", "0.5 & more"),))
    said = Summary(("We are beaten & say so.",), (grid,))
    html = page(found, said, "preforget bench 'a b'")
    text = read(html)
    for wanted in (
        "We are beaten & say so.",
        "In <short>",
        "0.5 & more",
        "drawn <blobs>",
        "failed: no <images>",
        "2 cells missing",
    ):
        assert wanted in text
    assert "preforget bench 'a b'" in text
    assert "2 cells are not done yet." in text
    assert all(column.title in text for column in COLUMNS.values())
    assert "90.0 ± 1.0 91.0" in text  # its own retrain in small
    assert "<script" not in html
    assert not re.search(r"(src|href)=", html)


def test_a_benchmark_that_was_run(done: Context) -> None:
    found = results_of(done)
    text = read(page(found, summary(found), "preforget bench tiny.toml"))
    assert "colours, random_label, " in text
    assert "epochs 1" in text
    assert "No baseline that forgets beats exact" in text or "Baselines beat exact in" in text
