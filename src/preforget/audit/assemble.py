"""From findings by role and seed to the result: gaps, intervals, verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.audit.attacks import lira
from preforget.audit.attacks.attack import About
from preforget.audit.attacks.registry import ATTACKS
from preforget.audit.attacks.scene import ORIGINAL, RETRAIN, ROLES, UNLEARNED
from preforget.audit.result import AuditResult, Measure
from preforget.core.seeds import derive_seed
from preforget.core.version import __version__
from preforget.metrics.evidence import Evidence, judge
from preforget.metrics.roc import auc

Findings = dict[str, dict[str, list[dict[str, Any]]]]
"""By attack and role: `values`, `figures` and `seconds` of each seed."""

Values = list[float | None]
FEWEST_SHADOWS = 4


@dataclass(frozen=True)
class Setting:
    """What was audited, with what, where: the fields of `AuditResult` that no attack finds."""

    suite: str
    seeds: list[int]
    made: str
    model: dict[str, Any]
    data: dict[str, Any]
    forgotten: list[str]
    machine: dict[str, Any]
    command: str


def assemble(
    setting: Setting, found: Findings, shadows: Sequence[dict[str, npt.NDArray[Any]]] = ()
) -> AuditResult:
    """Judge every value of every attack, paired by seed, and put all in one result."""
    measures, abouts, figures = [], [], {}
    for name, roles in found.items():
        about = ATTACKS[name].about
        values = {role: [one["values"] for one in own] for role, own in roles.items()}
        drawn = {role: [one["figures"] for one in own] for role, own in roles.items()}
        measures += measures_of(about, values)
        abouts.append(about)
        if any(one for own in drawn.values() for one in own):
            figures[name] = drawn
    if len(shadows) >= FEWEST_SHADOWS:
        own, drawn = shadow_measures(shadows)
        measures += own
        abouts.append(lira.ABOUT)
        figures[lira.ABOUT.name] = drawn
    missed = [f"{_title(abouts, m)}: {m.title}" for m in measures if m.verdict == "different"]
    return AuditResult(
        format=1,
        version=__version__,
        **asdict(setting),
        measures=measures,
        attacks=[{"name": a.name, "title": a.title, "asks": a.asks, "source": a.source} for a in abouts],
        figures=figures,
        seconds=sum(one["seconds"] for roles in found.values() for own in roles.values() for one in own),
        missed=missed,
        undecided=[f"{_title(abouts, m)}: {m.title}" for m in measures if m.verdict == "undecided"],
        passed=not missed,
    )


def measures_of(about: About, values: dict[str, list[dict[str, float]]]) -> list[Measure]:
    """Return one measure for each value that an attack found, in the order of its titles."""
    keys = [key for own in values.values() for one in own for key in one]
    ordered = [key for key in about.titles if key in keys]
    ordered += [key for key in dict.fromkeys(keys) if key not in about.titles]
    return [
        measure(about, key, {role: [one.get(key) for one in own] for role, own in values.items()})
        for key in ordered
    ]


def measure(about: About, key: str, columns: dict[str, Values]) -> Measure:
    """Return a value beside its control, judged unless it is only to be shown."""
    columns = {role: columns.get(role, []) for role in ROLES}
    margin = about.margin_of(key)
    pairs = [
        (one, other)
        for one, other in zip(columns[UNLEARNED], columns[RETRAIN], strict=False)
        if one is not None and other is not None
    ]
    judged = bool(pairs) and key not in about.unjudged
    evidence = None
    if pairs:
        generator = np.random.default_rng(derive_seed(0, about.name, key))
        evidence = judge(
            [one for one, _ in pairs], [other for _, other in pairs], margin, generator=generator
        )
    return Measure(
        attack=about.name,
        key=key,
        title=about.titles.get(key, key),
        original=columns[ORIGINAL] or None,
        unlearned=columns[UNLEARNED] or None,
        retrain=columns[RETRAIN] or None,
        gap=None if evidence is None else evidence.gap,
        interval=None if evidence is None else evidence.interval,
        t_interval=None if evidence is None else evidence.t_interval,
        p_equivalent=None if evidence is None else evidence.p_equivalent,
        margin=margin if judged else None,
        verdict=_verdict(evidence) if judged and evidence is not None else "shown",
    )


def _verdict(evidence: Evidence) -> str:
    """Return the verdict of the evidence; with one pair alone, a gap beyond the margin counts as a difference."""
    if len(evidence.gaps) == 1:
        return "different" if abs(evidence.gap) > evidence.margin else "undecided"
    return evidence.verdict


def shadow_measures(shadows: Sequence[dict[str, npt.NDArray[Any]]]) -> tuple[list[Measure], dict[str, Any]]:
    """Return U-LiRA's AUC per target shadow, beside the AUC for a membership that its answers can't depend on.

    The control asks the same attack for a half that is drawn anew and that no shadow has learned. Another shadow's half
    would not do: that shadow is among the attacker's, which lifts the AUC.
    """
    signals = np.stack([one["signal"] for one in shadows])
    member = np.stack([one["member"] for one in shadows]).astype(bool)
    scores = lira.leave_one_out(signals, member)
    rng = np.random.default_rng(0)
    other = np.stack([rng.permutation(own) for own in member])
    columns: dict[str, Values] = {
        UNLEARNED: [auc(own[inside], own[~inside]) for own, inside in zip(scores, member, strict=True)],
        RETRAIN: [auc(own[inside], own[~inside]) for own, inside in zip(scores, other, strict=True)],
    }
    found = lira.attack(signals, member)
    whole = [
        measure(lira.ABOUT, key, {UNLEARNED: [value]}) for key, value in found.values.items() if key != "auc"
    ]
    return [measure(lira.ABOUT, "auc", columns), *whole], {UNLEARNED: [found.figures]}


def _title(abouts: Sequence[About], one: Measure) -> str:
    return next(about.title for about in abouts if about.name == one.attack)
