"""A result is read as it was written or not at all, and can be shown without any label."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from preforget.audit.result import SCHEMA, AuditResult, Measure, hide_labels
from preforget.core.canonical import canonical_json, read_canonical
from preforget.core.errors import DataError

CONTENT = Path(__file__).with_name("made-up-report.json").read_bytes()
VALUES: dict[str, Any] = json.loads(CONTENT)
"""Made up: no number in it is from a model."""
RESULT = AuditResult.from_dict(VALUES)
LABELS = [
    "basophil",
    "eosinophil",
    "erythroblast",
    "immature granulocyte",
    "lymphocyte",
    "monocyte",
    "neutrophil",
]


def test_the_schema_is_one_and_strict() -> None:
    schema = json.loads(SCHEMA.read_bytes())
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator(schema).validate(VALUES)
    loose = [where for where, own in objects(schema) if own.get("additionalProperties") is not False]
    assert loose == [".properties.model.properties.options", ".properties.figures", ".$defs.drawn.items"]
    for _, own in objects(schema):
        if "required" in own:
            assert sorted(own["required"]) == sorted(own["properties"])


def objects(schema: Any, where: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Return every part of a schema that is for an object, with its place."""
    if not isinstance(schema, dict):
        return []
    own = [(where, schema)] if schema.get("type") == "object" else []
    return own + [one for key, inner in schema.items() for one in objects(inner, f"{where}.{key}")]


def test_what_is_written_is_read() -> None:
    result = AuditResult.from_dict(read_canonical(CONTENT.rstrip(b"\n")))
    assert canonical_json(result.as_dict()) + b"\n" == CONTENT
    assert AuditResult.from_dict(result.as_dict()) == result
    assert isinstance(result.measures[0], Measure)
    assert result.measures[0].interval is not None
    assert isinstance(result.measures[0].interval, tuple)


def test_as_dict_is_a_copy_of_plain_values() -> None:
    result = AuditResult.from_dict(VALUES)
    result = replace(result, model={**result.model, "options": {"blocks": (0, (1, 2))}})
    values = result.as_dict()
    assert values["model"]["options"] == {"blocks": [0, [1, 2]]}
    values["measures"][0]["unlearned"].append(0.5)
    values["seeds"].append(9)
    assert result.seeds == [0, 1, 2]
    assert len(result.measures[0].unlearned or []) == 3


Change = Callable[[dict[str, Any]], Any]
BROKEN: dict[str, tuple[str, Change]] = {
    "a field more": ("$", lambda v: v.update(more=1)),
    "a field less": ("$", lambda v: v.pop("passed")),
    "another format": ("$.format", lambda v: v.update(format=2)),
    "no seeds": ("$.seeds", lambda v: v.update(seeds=[])),
    "a local time": ("$.made", lambda v: v.update(made="2026-01-31 12:00")),
    "no such suite": ("$.suite", lambda v: v.update(suite="all")),
    "no such guarantee": ("$.model.guarantee", lambda v: v["model"].update(guarantee="certain")),
    "a digest cut short": ("$.data.digest", lambda v: v["data"].update(digest="sha256:00")),
    "no class": ("$.forgotten", lambda v: v.update(forgotten=[])),
    "no such verdict": ("$.measures[0].verdict", lambda v: v["measures"][0].update(verdict="passed")),
    "half an interval": ("$.measures[0].interval", lambda v: v["measures"][0].update(interval=[0.1])),
    "a margin of zero": ("$.measures[0].margin", lambda v: v["measures"][0].update(margin=0)),
    "a verdict without a margin": ("$.measures[0].margin", lambda v: v["measures"][0].update(margin=None)),
    "a verdict without a gap": ("$.measures[0].gap", lambda v: v["measures"][0].update(gap=None)),
    "a probability of two": ("$.measures[0].p_equivalent", lambda v: v["measures"][0].update(p_equivalent=2)),
    "text for a value": ("$.measures[0].retrain", lambda v: v["measures"][0].update(retrain=["much"])),
    "no such role": ("$.figures.probes", lambda v: v["figures"]["probes"].update(mine=[])),
    "a figure that is none": ("$.figures.probes", lambda v: v["figures"]["probes"].update(retrain=[1])),
    "a measure twice": ("contradicts itself at $.measures", lambda v: v["measures"].append(v["measures"][0])),
    "no such attack": ("contradicts itself at $.measures", lambda v: v["measures"][0].update(attack="x")),
    "an attack twice": ("contradicts itself at $.attacks", lambda v: v["attacks"].append(v["attacks"][0])),
    "a miss not told": ("contradicts itself at $.missed", lambda v: v["missed"].pop()),
    "doubt not told": ("contradicts itself at $.undecided", lambda v: v["undecided"].pop()),
    "passed all the same": ("contradicts itself at $.passed", lambda v: v.update(passed=True)),
    "not a number": (
        "a number that JSON can't",
        lambda v: v["figures"]["probes"].update(retrain=[{"a": float("nan")}]),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_anything_else_is_refused(name: str) -> None:
    said, change = BROKEN[name]
    values = copy.deepcopy(VALUES)
    change(values)
    with pytest.raises(DataError) as error:
        AuditResult.from_dict(values)
    assert said in str(error.value)
    assert "repeat the audit" in str(error.value)


@pytest.mark.parametrize("values", [None, [], "report", {}, {"format": 1}])
def test_what_is_no_report_is_refused(values: object) -> None:
    with pytest.raises(DataError):
        AuditResult.from_dict(values)


def test_nothing_too_deep_is_read() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(DataError, match="nested too deeply"):
        AuditResult.from_dict({**VALUES, "figures": {"probes": {"retrain": [{"a": deep}]}}})
    while deep:  # freeing it at once would need as deep a stack
        deep = deep.pop()


def test_labels_are_hidden_by_hand() -> None:
    figures = {
        "mixed_stream": {
            "original": [
                {
                    "confusion": {
                        "rows": ["Bo", "none", "Ann"],
                        "columns": ["Ann", "none", "none"],
                        "counts": [[1, 0, 0]] * 3,
                        "forgotten": ["Ann"],
                    }
                }
            ]
        },
        "neighbours": {
            "retrain": [{"mean answers": {"classes": ["Bo", "none of them"], "model": [0.5, 0.5]}}]
        },
        "jailbreak": {"retrain": [{"attempt": ["mixed"]}]},
        "new": {"retrain": [{"who": "Cy", "deep": [{"more": ["Bo"]}]}]},
    }
    before = replace(
        RESULT,
        forgotten=["Ann"],
        figures=figures,
        command="preforget audit Ann/model --data 'of Ann and Bo, Annabel' --forget Ann Dee --seeds 3",
        data={**VALUES["data"], "name": "Ann_and_Bo"},
    )
    after = hide_labels(before)
    assert after.forgotten == ["forgotten class 1"]
    matrix = after.figures["mixed_stream"]["original"][0]["confusion"]
    assert matrix["rows"] == ["class 1", "class 2", "forgotten class 1"]
    assert matrix["columns"] == ["forgotten class 1", "class 2", "none"]
    assert matrix["forgotten"] == ["forgotten class 1"]
    assert matrix["counts"] == [[1, 0, 0]] * 3
    assert after.figures["neighbours"]["retrain"][0]["mean answers"]["classes"] == ["class 1", "none of them"]
    assert after.figures["jailbreak"] == figures["jailbreak"]
    assert after.figures["new"]["retrain"] == [{"who": "class 3", "deep": [{"more": ["class 1"]}]}]
    assert after.data["name"] == "forgotten class 1_and_class 1"
    assert after.command == (
        "preforget audit 'forgotten class 1/model' --data 'of forgotten class 1 and class 1, Annabel' "
        "--forget 'forgotten class 1' 'a class' --seeds 3"
    )
    assert before.forgotten == ["Ann"]


def test_no_label_is_left() -> None:
    result = RESULT
    assert all(label in json.dumps(result.as_dict()) for label in LABELS)
    hidden = hide_labels(result)
    text = json.dumps(hidden.as_dict())
    assert [label for label in LABELS if label in text] == []
    assert AuditResult.from_dict(hidden.as_dict()) == hidden
    assert [one for one in hidden.measures if one not in result.measures] == []
    assert hide_labels(hidden) == hidden


def test_numbers_as_labels_change_no_option() -> None:
    result = replace(
        RESULT,
        forgotten=["3"],
        figures={},
        command="preforget audit m --forget 3 --seeds 3",
    )
    assert hide_labels(result).command == "preforget audit m --forget 'forgotten class 1' --seeds 3"


@settings(deadline=None)
@given(st.lists(st.text("aB1 _-<\"'é,", min_size=1, max_size=6), min_size=1, max_size=5, unique=True))
def test_any_labels_can_be_hidden(labels: list[str]) -> None:
    figures = {"mixed_stream": {"retrain": [{"confusion": {"rows": labels}}]}}
    result = replace(RESULT, forgotten=labels[:1], figures=figures, command="preforget 'audit")
    hidden = hide_labels(result)
    rows = hidden.figures["mixed_stream"]["retrain"][0]["confusion"]["rows"]
    assert rows == ["forgotten class 1", *(f"class {number}" for number in range(1, len(labels)))]
    assert hidden.command == ""  # it couldn't be split
