"""The charts of a report: what attacks really leave is drawn, and whatever else stands there harms nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preforget.audit.attacks import abstention, membership, mixed_stream
from preforget.audit.attacks.observe import Parts, Seen
from preforget.audit.report.charts import DRAWN, charts
from preforget.core.abstain import ABSTAIN
from preforget.data.dataset import label_array

MADE_UP: dict[str, Any] = json.loads(Path(__file__).parents[1].joinpath("made-up-report.json").read_bytes())[
    "figures"
]
TITLES = [
    "Membership: confidence",
    "Membership: loss",
    "Shadow models: global threshold",
    "Shadow models: likelihood ratio",
    "Key recovery",
    "Row recovery, class mean",
    "Row recovery, difference of means",
    "Relearning",
    "Confidence of Unlearned",
    "Confidence of Retrain",
    "Coverage and risk",
    "One class after another: retained accuracy",
    "One class after another: forgotten inputs answered",
    "Linear probe by block",
    "Nearest class mean by block",
    "Answers of Original, before forgetting",
    "Answers of Unlearned, after",
    "Answers of Retrain, never learned",
]


def seen(seed: int, labels: tuple[str, ...], truth: list[str]) -> Seen:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(len(truth), len(labels)))
    odds = np.exp(scores)
    answers = [ABSTAIN if rng.random() < 0.3 else labels[column] for column in scores.argmax(axis=1)]
    p = odds / (1 + odds.sum(axis=1, keepdims=True))
    return Seen(labels, label_array(truth), scores, p, p.max(axis=1), np.array(answers, dtype=object))


def parts(seed: int, labels: tuple[str, ...]) -> Parts[Seen]:
    gone, stay = ["c"] * 30, ["a", "b"] * 20
    return Parts(*(seen(seed + place, labels, own) for place, own in enumerate((gone, gone, stay, stay))))


def test_what_attacks_leave_is_drawn() -> None:
    roles = {"original": ("a", "b", "c"), "unlearned": ("a", "b"), "retrain": ("a", "b")}
    figures = {
        attack.ABOUT.name: {
            role: [json.loads(json.dumps(attack.measure(parts(seed, labels)).figures)) for seed in range(2)]
            for role, labels in roles.items()
        }
        for attack in (mixed_stream, abstention, membership)
    }
    found = [chart.title for chart in charts(figures)]
    assert found == [
        title for title in TITLES if title.startswith(("Membership", "Confidence", "Coverage", "Answers"))
    ]


def test_all_charts_are_drawn_in_order_and_parse() -> None:
    found = charts(MADE_UP)
    assert [chart.title for chart in found] == TITLES
    for chart in found:
        root = ElementTree.fromstring(chart.svg)
        assert root[0].text == chart.title
        assert root[1].text
        assert chart.wide == chart.title.startswith("Answers")


def test_curves_stand_beside_their_control() -> None:
    for chart in charts(MADE_UP):
        texts = [one.text for one in ElementTree.fromstring(chart.svg).iter("text")]
        if not chart.title.startswith(("Shadow", "Confidence", "Answers")):
            assert {"Unlearned", "Retrain"} <= set(texts), chart.title
    roc = ElementTree.fromstring(charts(MADE_UP)[0].svg)
    texts = [one.text for one in roc.iter("text")]
    assert texts.count("0.01") == texts.count("0.1") == texts.count("1") == 2  # log axes, both the same
    assert "chance" in texts


def test_shots_are_evenly_spaced() -> None:
    chart = next(chart for chart in charts(MADE_UP) if chart.title == "Key recovery")
    texts = {one.text: float(one.attrib["x"]) for one in ElementTree.fromstring(chart.svg).iter("text")}
    places = [texts[shots] for shots in ("1", "5", "10", "50")]
    assert np.diff(places) == pytest.approx(places[1] - places[0], abs=0.02)


def test_lines_are_explained_where_there_are_several() -> None:
    one = {name: {role: own[:1] for role, own in roles.items()} for name, roles in MADE_UP.items()}
    assert any("Thick: mean" in chart.note for chart in charts(MADE_UP))
    assert not any("Thick: mean" in chart.note for chart in charts(one))


def test_what_is_absent_is_not_drawn() -> None:
    assert charts({}) == []
    assert charts({"jailbreak": MADE_UP["jailbreak"]}) == []
    assert charts({"relearn": {"unlearned": [{"target": 0.0}], "retrain": [{"target": 0.0}]}}) == []
    assert len(charts({"lira": MADE_UP["lira"]})) == 2
    for name in DRAWN:
        assert charts({name: {}}) == charts({name: {"unlearned": [], "retrain": [{}]}}) == []


def test_an_extension_s_roc_curves_are_drawn_last() -> None:
    drawn = charts({"my_attack": MADE_UP["lira"], "lira": MADE_UP["lira"]})
    assert [chart.title.split(":")[0] for chart in drawn] == ["Shadow models"] * 2 + ["my attack"] * 2


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(10**9), 10**9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_no_figure_breaks_the_page(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(DRAWN)))
    figure = next(own for own in MADE_UP[name].values() if own)[0]
    figure = json.loads(json.dumps(figure))
    spot = figure
    while isinstance(spot, dict | list) and spot:
        key = data.draw(st.sampled_from(sorted(spot) if isinstance(spot, dict) else range(len(spot))))
        if data.draw(st.booleans()) or not isinstance(spot[key], dict | list) or not spot[key]:
            spot[key] = data.draw(ANYTHING)
            break
        spot = spot[key]
    for chart in charts({name: {"unlearned": [figure], "retrain": MADE_UP[name].get("retrain", [])}}):
        assert chart.svg.startswith("<svg")
        assert "nan" not in chart.svg
        assert "inf" not in chart.svg.replace("infer", "")
