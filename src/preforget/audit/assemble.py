"""From findings by role and seed to the result: gaps, intervals, verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from preforget.audit.attacks.attack import About
from preforget.audit.attacks.observe import Array, Mask
from preforget.audit.attacks.registry import ATTACKS, ShadowAttack
from preforget.audit.attacks.scene import ORIGINAL, RETRAIN, ROLES, UNLEARNED
from preforget.audit.attacks.shadows import by_target, control, pooled, scores_of
from preforget.audit.result import AuditResult, Measure
from preforget.core.seeds import derive_seed
from preforget.core.version import __version__
from preforget.metrics.evidence import Evidence, judge

Findings = dict[str, dict[str, list[dict[str, Any]]]]
"""By attack and role: `values`, `figures` and `seconds` of each seed."""

Values = list[float | None]


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
    setting: Setting, findings: Findings, shadows: Mapping[str, tuple[Array, Mask]] | None = None
) -> AuditResult:
    """Judge every value of every attack, paired by seed, and return one result.

    `shadows`: signals and membership of shadow models, `[S, m]`, for each attack that is run on them.
    """
    measures, abouts, figures = [], [], {}
    for name, roles in findings.items():
        about = ATTACKS[name].about
        values = {role: [run["values"] for run in runs] for role, runs in roles.items()}
        drawn = {role: [run["figures"] for run in runs] for role, runs in roles.items()}
        measures += measures_of(about, values)
        abouts.append(about)
        if any(run for runs in drawn.values() for run in runs):
            figures[name] = drawn
    for name, (signals, member) in (shadows or {}).items():
        attack = ATTACKS[name]
        assert isinstance(attack, ShadowAttack)
        of_shadows, drawn = shadow_measures(attack, signals, member)
        measures += of_shadows
        abouts.append(attack.about)
        figures[name] = drawn
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


def shadow_measures(
    attack: ShadowAttack, signals: Array, member: Mask
) -> tuple[list[Measure], dict[str, Any]]:
    """Return the AUC per target shadow beside its control, the values of all targets together, and the figures."""
    scores = scores_of(attack.call, signals, member)
    judged = next(iter(scores.values()))
    columns: dict[str, Values] = {
        UNLEARNED: list(by_target(judged, member)),
        RETRAIN: list(by_target(judged, control(member))),
    }
    finding, about = pooled(scores, member), attack.about
    shown = [
        measure(about, key, {UNLEARNED: [value]}) for key, value in finding.values.items() if key != "auc"
    ]
    return [measure(about, "auc", columns), *shown], {UNLEARNED: [finding.figures]}


def _title(abouts: Sequence[About], judged: Measure) -> str:
    return next(about.title for about in abouts if about.name == judged.attack)
