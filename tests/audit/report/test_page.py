"""The page of an audit: the verdict first, every measure on it, well-formed, and nothing on it loads or acts."""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from preforget.audit.report.page import NOT_CLAIMED, groups, headline, mean, page, spread
from preforget.audit.result import AuditResult, Measure, hide_labels
from preforget.engines import ENGINES, choices
from preforget.pictures.svg import plain, signed

VALUES: dict[str, Any] = json.loads(Path(__file__).parents[1].joinpath("made-up-report.json").read_bytes())
"""Made up: no number in it is from a model."""
RESULT = AuditResult.from_dict(VALUES)
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Tags must balance; keeps tags, attributes, and the text of each element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.rows: list[list[str]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append((self.open[-1], data))
            if {"td", "th"} & {*self.open}:
                self.rows[-1][-1] += f" {data}"

    @property
    def text(self) -> str:
        """All that is to be read, on one line."""
        return " ".join("".join(data for _, data in self.texts).split())

    def count(self) -> Counter[str]:
        return Counter(tag for tag, _ in self.tags)


HTML = page(RESULT)
FOUND = Page(HTML)


def judged(*verdicts: str, seeds: int = 3) -> AuditResult:
    """Return a result with one measure for each verdict."""
    one = next(own for own in RESULT.measures if own.verdict == "equivalent")
    return replace(
        RESULT,
        seeds=list(range(seeds)),
        measures=[replace(one, key=f"{place}", verdict=verdict) for place, verdict in enumerate(verdicts)],
        missed=[one.title for verdict in verdicts if verdict == "different"],
        undecided=[one.title for verdict in verdicts if verdict == "undecided"],
    )


def test_form() -> None:
    assert HTML.startswith('<!DOCTYPE html>\n<html lang="en">\n')
    levels = [int(tag[1]) for tag, _ in FOUND.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[:2] == [1, 2]
    assert levels.count(1) == 1
    assert levels.count(2) == 6
    assert max(levels) == 3
    assert all(attrs.get("scope") in {"col", "row"} for tag, attrs in FOUND.tags if tag == "th")
    ids = [str(attrs["id"]) for _, attrs in FOUND.tags if "id" in attrs]
    assert len(set(ids)) == len(ids)
    labels = [str(attrs["aria-labelledby"]) for _, attrs in FOUND.tags if "aria-labelledby" in attrs]
    assert sorted(labels) == sorted(ids)
    scrolled = [attrs for _, attrs in FOUND.tags if attrs.get("class") == "scroll"]
    assert len(scrolled) == FOUND.count()["table"] + 3  # and three matrices
    assert all(box["tabindex"] == "0" and box["role"] == "region" and box["aria-label"] for box in scrolled)
    drawn = [attrs for tag, attrs in FOUND.tags if tag == "svg"]
    assert len(drawn) > 20
    assert all(picture["role"] == "img" and picture["viewbox"] for picture in drawn)
    assert FOUND.count()["desc"] == len(drawn)
    assert sum(tag == "style" for tag in FOUND.count()) == 1


def test_nothing_is_loaded_and_nothing_acts() -> None:
    assert not re.search(r"https?:|url\(|@import|@font-face|javascript:", HTML)
    assert not {"script", "link", "img", "iframe", "object", "image", "use"} & {*FOUND.count()}
    for _, attrs in FOUND.tags:
        assert not {"src", "href", "xlink:href", "action", "style", "srcset"} & {*attrs}
        assert not any(name.startswith("on") for name in attrs)
    assert "default-src 'none'" in HTML
    for query in ("prefers-color-scheme: dark", "@media print", "max-width: 30rem", "width=device-width"):
        assert query in HTML


def test_the_main_thing_comes_first() -> None:
    assert FOUND.text.startswith(
        "Audit after forgetting Audit after forgetting 4 of 85 measures differ from a model that never saw the class, "
        "by more than the stated margin. 85 measures judged: 51 equivalent to retraining, 4 different, 30 undecided."
    )
    sections = [
        "What was forgotten",
        "All gaps",
        "Measure by measure",
        "Figures",
        "Limits",
        "How to repeat it",
    ]
    places = [FOUND.text.index(title) for title in sections]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("verdicts", "seeds", "said"),
    [
        (
            ["equivalent"] * 3,
            3,
            "No attack told this model from one that never saw the class, within the stated",
        ),
        (
            ["equivalent", "shown", "different"],
            3,
            "1 of 2 measures differs from a model that never saw the class",
        ),
        (["different", "undecided", "different"], 3, "2 of 3 measures differ from"),
        (
            ["equivalent", "undecided"],
            3,
            "No measure was shown to differ from a model that never saw the class, "
            "but 3 seeds are too few to decide 1 of 2 measures.",
        ),
        (["undecided"] * 2, 1, "One seed is too few to say whether this model differs from"),
        (["undecided"] * 2, 2, "2 seeds are too few to say whether"),
        (["shown"], 3, "Nothing was judged"),
        ([], 3, "Nothing was judged"),
    ],
)
def test_headlines(verdicts: list[str], seeds: int, said: str) -> None:
    result = judged(*verdicts, seeds=seeds)
    assert headline(result).startswith(said)
    found = Page(page(result))
    state = next(attrs["class"] for tag, attrs in found.tags if "lead" in (attrs.get("class") or ""))
    good = bool(verdicts) and set(verdicts) <= {"equivalent", "shown"} and "equivalent" in verdicts
    assert state == f"lead {'bad' if 'different' in verdicts else 'good' if good else 'open'}"
    assert " ".join(headline(result).split()) in found.text


def test_several_classes() -> None:
    found = Page(page(replace(judged("equivalent"), forgotten=["a", "b"])))
    assert "never saw the classes, within" in found.text
    assert "a, b, of 8" in found.text


@pytest.mark.parametrize("engine", choices())
def test_the_guarantee_is_a_sentence_of_the_engine(engine: str) -> None:
    kind = ENGINES[engine]
    result = replace(RESULT, model={**RESULT.model, "engine": engine, "guarantee": kind.guarantee.value})
    assert f"{kind.guarantee}. {kind.meaning}" in Page(page(result)).text


def test_all_measures_appear_with_all_they_have() -> None:
    rows = [[" ".join(cell.split()) for cell in row] for row in FOUND.rows if row[0].strip() != "Measure"]
    order = [one for attack in RESULT.attacks for one in RESULT.measures if one.attack == attack["name"]]
    assert len(rows) == len(order) == len(RESULT.measures)
    for one, row in zip(order, rows, strict=True):
        expected = [
            f"{mean(own)} {spread(own)}".strip() for own in (one.original, one.unlearned, one.retrain)
        ]
        assert row[:4] == [one.title, *expected]
        assert row[4] == ("–" if one.gap is None else signed(one.gap))
        assert all(signed(end) in row[5] for end in (*(one.t_interval or ()), *(one.interval or ())))
        assert row[6] == ("–" if one.margin is None else plain(one.margin))
        assert row[7].split()[-1] == (one.verdict if one.verdict != "shown" else "judged")


def test_attacks_say_what_they_ask_and_whose_they_are() -> None:
    for attack in RESULT.attacks:
        assert all(attack[name] in FOUND.text for name in ("title", "asks", "source"))
    assert [group.attack["name"] for group in groups(RESULT)] == [attack["name"] for attack in RESULT.attacks]
    assert [group.attack["name"] for group in groups(RESULT) if group.plot is None] == ["cost"]


def test_limits_and_how_to_repeat() -> None:
    said = [*NOT_CLAIMED, RESULT.command, RESULT.data["digest"], RESULT.model["backbone"]["digest"]]
    said += [
        "0, 1, 2",
        "2026-01-31 12:00:00 UTC",
        "preforget 0.1.0",
        "x86_64, 2 cores, 1 thread; Python 3.11.2",
    ]
    said += ["tokens_per_class 2", "augment yes", "lora_rank none", "no revision", "made up for tests"]
    assert [part for part in said if part not in FOUND.text] == []


def test_hidden_labels_are_not_on_the_page() -> None:
    assert "eosinophil" in HTML
    hidden = page(hide_labels(RESULT))
    assert "eosinophil" not in hidden
    assert "forgotten class 1" in hidden


def test_little_is_shown_as_little() -> None:
    result = replace(
        RESULT, measures=[], attacks=[], figures={}, missed=[], undecided=[], passed=True, command=""
    )
    found = Page(page(replace(result, model={**RESULT.model, "id": None, "options": {}})))
    assert "Nothing was judged" in found.text
    assert "No gap was judged" in found.text
    assert "in no folder" in found.text
    assert found.count()["svg"] == found.count()["table"] == 0


def test_one_seed_has_no_intervals() -> None:
    one = next(own for own in RESULT.measures if own.verdict == "equivalent")
    alone = replace(
        one,
        original=None,
        unlearned=[0.5],
        retrain=[None],
        interval=None,
        t_interval=None,
        verdict="undecided",
    )
    (row,) = [
        row for row in Page(page(replace(RESULT, measures=[alone]))).rows if row[0].strip() != "Measure"
    ]
    assert [cell.strip() for cell in row[1:4]] == ["–", "0.500", "–"]
    assert row[5].strip() == "–"


def test_values_by_hand() -> None:
    assert mean([0.25, None, 0.75]) == "0.500"
    assert mean([None]) == mean([]) == mean(None) == "–"
    assert spread([None, None]) == spread([1.0]) == spread(None) == ""
    assert spread([0.1, 0.2, None]) == "0.100, 0.200, –"
    assert spread([0.5] * 8) == "the same in all 8"
    assert spread([0.5, *[None] * 8]) == "1 value"
    low, _, high, count, _ = spread([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]).replace(",", "").split()
    assert (float(low) + float(high)) / 2 == pytest.approx(0.35, abs=1e-3)
    assert count == "6"


ATTACKS = [
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "</title></svg><a href=x>",
    "\"' onload='x",
    "{{ 7*7 }}{% raw %}",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_everything_is_escaped(attack: str) -> None:
    html, benign = (page(AuditResult.from_dict(_with(text))) for text in (attack, "benign"))
    found, expected = Page(html), Page(benign)
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in expected.tags]
    assert [set(attrs) for _, attrs in found.tags] == [set(attrs) for _, attrs in expected.tags]
    assert "<script" not in html
    assert found.text.count(attack[:15]) == expected.text.count("benign") > 20


def _with(text: str) -> dict[str, Any]:
    """Return values with a text wherever one may stand; not in the middle of a list of labels, which would shift it."""
    values = copy.deepcopy(VALUES)
    values |= {
        "version": text,
        "forgotten": [text],
        "command": text,
        "missed": [text] * len(values["missed"]),
    }
    values["model"] |= {"id": text, "engine": text, "options": {text: text}}
    values["model"]["backbone"] |= {"id": text, "revision": text}
    values["data"]["name"] = text
    values["machine"] |= {"processor": text, "torch": text, "python": text}
    values["attacks"][0] |= {"title": text, "asks": text, "source": text}
    values["measures"][0] |= {"title": text, "unit": text}
    for role in values["figures"]["mixed_stream"].values():
        matrix = role[0]["confusion"]
        matrix |= {"rows": [text, *matrix["rows"][1:]], "columns": [text, *matrix["columns"][1:]]}
        matrix["forgotten"] = [text]
    for role in values["figures"]["membership"].values():
        for figure in role:
            figure[text] = figure.pop("loss roc")
    return values


def test_measures_of_any_size_can_be_shown() -> None:
    one = next(own for own in RESULT.measures if own.verdict == "equivalent")
    sizes = [0.0, 1e-12, -3e-5, 0.5, 99.5, -1e9]
    measures: list[Measure] = [
        replace(
            one, key=f"{place}", gap=size, interval=(size, size), t_interval=(size - 1, size + 1), margin=0.01
        )
        for place, size in enumerate(sizes)
    ]
    found = Page(page(replace(RESULT, measures=measures)))
    assert all(signed(size) in found.text for size in sizes)
