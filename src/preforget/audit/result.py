"""The result of an audit, as plain values that can be written, hashed, read again and shown.

`audit-report-v0.1.schema.json` defines every field; a result that breaks it is not read at all.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from preforget.core.canonical import canonical_json
from preforget.core.errors import DataError
from preforget.metrics.evidence import Interval

FORMAT = 1
SCHEMA = Path(__file__).with_name("audit-report-v0.1.schema.json")
SHOWN = "shown"
"""The verdict of a measure that is shown but not judged."""

_VALIDATOR = Draft202012Validator(json.loads(SCHEMA.read_bytes()))
_ENDS = {"columns": "none", "classes": "none of them"}
"""Lists of labels whose last entry may be something else."""
_WORDS = frozenset({"attempt"})
"""Lists of words that aren't labels."""


@dataclass(frozen=True)
class Measure:
    """One value of one attack: a number per seed for each role, None where it couldn't be measured, and the verdict.

    `gap`: mean of Unlearned - Retrain; `interval`: 95 % bootstrap; `t_interval`: 95 % Student; `p_equivalent`: the
    larger p value of two one-sided tests; `margin`: the largest gap that counts as none; `verdict`: "equivalent",
    "different", "undecided", or `SHOWN`; `unit`: of the values, "" for shares and other plain numbers.
    """

    attack: str
    key: str
    title: str
    original: list[float | None] | None
    unlearned: list[float | None] | None
    retrain: list[float | None] | None
    gap: float | None
    interval: Interval | None
    t_interval: Interval | None
    p_equivalent: float | None
    margin: float | None
    verdict: str
    unit: str = ""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Measure:
        """Read one entry of `measures` that the schema allows."""
        intervals = {name: values[name] for name in ("interval", "t_interval")}
        return cls(**{**values, **{name: ends and (ends[0], ends[1]) for name, ends in intervals.items()}})


@dataclass(frozen=True)
class AuditResult:
    """The contents of a report; the schema describes the fields.

    `made`: UTC, RFC 3339; `command`: repeats the audit; `figures`: by attack and role, those of each seed; `seconds`:
    of all attacks together; `missed`, `undecided`: titles of such measures; `passed`: none differs.
    """

    format: int
    version: str
    made: str
    suite: str
    seeds: list[int]
    model: dict[str, Any]
    data: dict[str, Any]
    forgotten: list[str]
    machine: dict[str, Any]
    command: str
    measures: list[Measure]
    attacks: list[dict[str, str]]
    figures: dict[str, dict[str, list[dict[str, Any]]]]
    seconds: float
    missed: list[str]
    undecided: list[str]
    passed: bool

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that `canonical_json` can write; `from_dict` reads them again."""
        values = {field.name: _plain(getattr(self, field.name)) for field in fields(self)}
        values["measures"] = [
            {field.name: _plain(getattr(judged, field.name)) for field in fields(judged)}
            for judged in self.measures
        ]
        return values

    @classmethod
    def from_dict(cls, values: object) -> AuditResult:
        """Read what `as_dict` returns; raises `DataError` for anything that the schema doesn't allow."""
        checked = _checked(values)
        result = cls(
            **{**checked, "measures": [Measure.from_dict(fields_of) for fields_of in checked["measures"]]}
        )
        _check_meaning(result)
        return result


def hide_labels(result: AuditResult) -> AuditResult:
    """Return the result with every label replaced by a number, since names of classes can be names of people.

    Forgotten classes become "forgotten class 1" and so on, others "class 1", in figures too, where every text that
    isn't known to be something else counts as a label. In the command, the words after `--forget` are replaced;
    elsewhere in it, and in the name of the data, each label that contains a letter and is a separate word. Names of
    figures stay.
    """
    gone = {label: f"forgotten class {number}" for number, label in enumerate(result.forgotten, 1)}
    others = [label for label in dict.fromkeys(_labels(result.figures)) if label not in gone]
    names = gone | {label: f"class {number}" for number, label in enumerate(others, 1)}
    return replace(
        result,
        forgotten=[names[label] for label in result.forgotten],
        figures=_renamed(result.figures, names),
        command=_command(result.command, names),
        data={**result.data, "name": _text(result.data["name"], names)},
    )


def _plain(value: Any) -> Any:
    """Return lists for tuples, at any depth."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def _checked(values: object) -> dict[str, Any]:
    """Return values that the schema allows; raises `DataError` with path and rule, and quotes no value."""
    try:
        error = next(_VALIDATOR.iter_errors(values), None)
        if error is None:
            canonical_json(values)
    except (ValueError, RecursionError):
        raise DataError(
            "the audit's report holds a number that JSON can't, or is nested too deeply; repeat the audit"
        ) from None
    if error is not None or not isinstance(values, dict):
        location = "" if error is None else f" at {error.json_path} ({error.validator})"
        raise DataError(
            f"the audit's report breaks the schema of format {FORMAT}{location}; "
            "repeat the audit, or read it with the preforget that wrote it"
        )
    return values


def _check_meaning(result: AuditResult) -> None:
    """Check the rules that a schema can't express."""
    known = [attack["name"] for attack in result.attacks]
    verdicts = [judged.verdict for judged in result.measures]
    keys = [(judged.attack, judged.key) for judged in result.measures]
    for location, wrong in {
        "$.attacks": len(set(known)) < len(known),
        "$.measures": len(set(keys)) < len(keys)
        or not {judged.attack for judged in result.measures} <= set(known),
        "$.missed": len(result.missed) != verdicts.count("different"),
        "$.undecided": len(result.undecided) != verdicts.count("undecided"),
        "$.passed": result.passed == bool(result.missed),
    }.items():
        if wrong:
            raise DataError(f"the audit's report contradicts itself at {location}; repeat the audit")


def _labels(value: Any, key: str = "") -> list[str]:
    """Return every text in a figure that may be a label, in order."""
    if isinstance(value, str):
        return [] if key in _WORDS else [value]
    if isinstance(value, Mapping):
        return [label for name, inner in value.items() for label in _labels(inner, name)]
    if isinstance(value, list | tuple):
        kept = value[:-1] if value and value[-1] == _ENDS.get(key) else value
        return [label for inner in kept for label in _labels(inner, key)]
    return []


def _renamed(value: Any, names: Mapping[str, str], key: str = "") -> Any:
    """Return a figure with other labels."""
    if isinstance(value, str):
        return value if key in _WORDS else names[value]
    if isinstance(value, Mapping):
        return {name: _renamed(inner, names, name) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        end = [value[-1]] if value and value[-1] == _ENDS.get(key) else []
        return [_renamed(inner, names, key) for inner in value[: len(value) - len(end)]] + end
    return value


def _command(command: str, names: Mapping[str, str]) -> str:
    """Return a command without labels; nothing if it can't be split, so that no label stays by mistake."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    words_out, forgetting = [], False
    for word in words:
        forgetting = word == "--forget" or (forgetting and not word.startswith("--"))
        if forgetting and word != "--forget":
            words_out.append(names.get(word, "a class"))
        else:
            words_out.append(word if word.startswith("--") else _text(word, names))
    return shlex.join(words_out)


def _text(text: str, names: Mapping[str, str]) -> str:
    """Return a text without labels that have a letter: a bare number may mean anything."""
    by_length = sorted((label for label in names if re.search(r"[^\W\d_]", label)), key=len, reverse=True)
    if not by_length:
        return text
    any_of = "|".join(map(re.escape, by_length))
    return re.sub(rf"(?<![^\W_])(?:{any_of})(?![^\W_])", lambda match: names[match[0]], text)
