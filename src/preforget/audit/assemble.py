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
    """The circumstances of an audit: the fields of `AuditResult` that no attack finds."""

    suite: str
    seeds: list[int]
    made: str
    model: dict[str, Any]
    data: dict[str, Any]
    forgotten: list[str]
    machine: dict[str, Any]
    command: str


def assemble(
    setting: Setting, findings: Findings, shadows: Sequence[dict[str, npt.NDArray[Any]]] = ()
) -> AuditResult:
    """Judge every value of every attack, paired by seed, and return one result."""
    measures, abouts, figures = [], [], {}
    for name, roles in findings.items():
        about = ATTACKS[name].about
        values = {role: [run["values"] for run in runs] for role, runs in roles.items()}
        drawn = {role: [run["figures"] for run in runs] for role, runs in roles.items()}
        measures += measures_of(about, values)
        abouts.append(about)
        if any(run for runs in drawn.values() for run in runs):
            figures[name] = drawn
    if len(shadows) >= FEWEST_SHADOWS:
        of_shadows, drawn = shadow_measures(shadows)
        measures += of_shadows
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
        seconds=sum(run["seconds"] for roles in findings.values() for runs in roles.values() for run in runs),
        missed=missed,
        undecided=[f"{_title(abouts, m)}: {m.title}" for m in measures if m.verdict == "undecided"],
        passed=not missed,
    )


def measures_of(about: About, values: dict[str, list[dict[str, float]]]) -> list[Measure]:
    """Return one measure for each value that an attack found, in the order of its titles."""
    keys = [key for runs in values.values() for run in runs for key in run]
    ordered = [key for key in about.titles if key in keys]
    ordered += [key for key in dict.fromkeys(keys) if key not in about.titles]
    return [
        measure(about, key, {role: [run.get(key) for run in runs] for role, runs in values.items()})
        for key in ordered
    ]


def measure(about: About, key: str, columns: dict[str, Values]) -> Measure:
    """Return a value beside its control, judged unless it is only to be shown."""
    columns = {role: columns.get(role, []) for role in ROLES}
    margin = about.margin_of(key)
    pairs = [
        (value, control)
        for value, control in zip(columns[UNLEARNED], columns[RETRAIN], strict=False)
        if value is not None and control is not None
    ]
    judged = bool(pairs) and key not in about.unjudged
    evidence = None
    if pairs:
        generator = np.random.default_rng(derive_seed(0, about.name, key))
        evidence = judge(
            [value for value, _ in pairs], [control for _, control in pairs], margin, generator=generator
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
    """Return the verdict of the evidence; with a single pair, a gap beyond the margin counts as a difference."""
    if len(evidence.gaps) == 1:
        return "different" if abs(evidence.gap) > evidence.margin else "undecided"
    return evidence.verdict


def shadow_measures(shadows: Sequence[dict[str, npt.NDArray[Any]]]) -> tuple[list[Measure], dict[str, Any]]:
    """Return U-LiRA's AUC per target shadow, beside the AUC for a membership that its answers can't depend on.

    The control runs the same attack on a half that is drawn anew and that no shadow has learned. Another shadow's half
    would be wrong: that shadow is among the attacker's, which lifts the AUC.
    """
    signals = np.stack([shadow["signal"] for shadow in shadows])
    member = np.stack([shadow["member"] for shadow in shadows]).astype(bool)
    scores = lira.leave_one_out(signals, member)
    rng = np.random.default_rng(0)
    other = np.stack([rng.permutation(row) for row in member])
    columns: dict[str, Values] = {
        UNLEARNED: [auc(row[inside], row[~inside]) for row, inside in zip(scores, member, strict=True)],
        RETRAIN: [auc(row[inside], row[~inside]) for row, inside in zip(scores, other, strict=True)],
    }
    result = lira.attack(signals, member)
    measures = [
        measure(lira.ABOUT, key, {UNLEARNED: [value]}) for key, value in result.values.items() if key != "auc"
    ]
    return [measure(lira.ABOUT, "auc", columns), *measures], {UNLEARNED: [result.figures]}


def _title(abouts: Sequence[About], judged: Measure) -> str:
    return next(about.title for about in abouts if about.name == judged.attack)
