"""The report of an audit as one page: it needs no script and no network, and it can be printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from preforget.audit.report.charts import charts
from preforget.audit.report.curves import NAMES
from preforget.audit.result import SHOWN, AuditResult, Measure
from preforget.engines import ENGINES
from preforget.metrics.evidence import student_interval
from preforget.pictures.figures import MARKS, Gap, gap_plot
from preforget.pictures.svg import plain, signed

TEMPLATE = Path(__file__).with_name("page.html.jinja")
FEW = 5
"""Up to this many values are listed; of more, the interval is shown."""
REACH = 4.0
"""The reach of the plots of gaps to either side, in margins."""

NOT_CLAIMED = (
    "Every attack gives a lower bound. A stronger one may find what these did not.",
    "The margins are choices, stated beside each measure. With other margins, verdicts may change.",
    "“Equivalent” refers to these measures on these data. It doesn’t prove that everything was erased.",
    "Each measure is judged by itself, with no correction for their number: among many, a few verdicts may be chance.",
    "The intervals are over seeds. They say little about rare runs, and nothing about other data.",
    "A model that never saw the class can learn it from examples, and so can this one. That is learning, not residue.",
    "The backbone may know the class from its pretraining. Nothing here changes that, and only the probes measure it.",
    "A class is not a person: inputs of one person may belong to other classes, and nothing is said about them.",
    "Copies, backups, exports and processes that hold the model were not examined. The receipt covers them.",
    "Nothing is said about training data kept elsewhere, or about answers that were given before.",
)


@dataclass(frozen=True)
class Group:
    """The measures of one attack with its description; `plot`: its judged gaps, if there are any."""

    attack: dict[str, str]
    measures: list[Measure]
    plot: Markup | None


def page(result: AuditResult) -> str:
    """Return an audit's result as HTML; all texts in it are escaped."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "plain": plain,
        "signed": signed,
        "mean": mean,
        "spread": spread,
        "spoken": spoken,
    }
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    judged = [measure for measure in result.measures if measure.verdict != SHOWN]
    return template.render(
        result=result,
        headline=headline(result),
        state="bad" if result.missed else "open" if result.undecided or not judged else "good",
        meaning=meaning_of(result.model["engine"]),
        judged=judged,
        counts={verdict: sum(measure.verdict == verdict for measure in judged) for verdict in MARKS},
        marks=MARKS,
        names=NAMES,
        reach=f"{REACH:g}",
        groups=groups(result),
        charts=[(chart, Markup(chart.svg)) for chart in charts(result.figures)],
        not_claimed=NOT_CLAIMED,
    )


def meaning_of(engine: str) -> str:
    """Return the promise of an engine; nothing for one that isn't installed here."""
    return ENGINES[engine].own_meaning() if engine in ENGINES else ""


def headline(result: AuditResult) -> str:
    """Return the verdict on the whole in one plain sentence."""
    judged = sum(measure.verdict != SHOWN for measure in result.measures)
    saw = f"that never saw the {'class' if len(result.forgotten) == 1 else 'classes'}"
    seeds = "One seed is" if len(result.seeds) == 1 else f"{len(result.seeds)} seeds are"
    if not judged:
        return "Nothing was judged: no measure could be set beside that of a retrained model."
    if missed := len(result.missed):
        differ = "differs" if missed == 1 else "differ"
        return f"{missed} of {judged} measures {differ} from a model {saw}, by more than the stated margin."
    if len(result.undecided) == judged:
        return f"{seeds} too few to say whether this model differs from a model {saw}."
    if result.undecided:
        few = f"{seeds[0].lower()}{seeds[1:]} too few to decide {len(result.undecided)} of {judged} measures"
        return f"No measure was shown to differ from a model {saw}, but {few}."
    return f"No attack told this model from one {saw}, within the stated margins."


def groups(result: AuditResult) -> list[Group]:
    """Return the measures by attack, in the order of both."""
    sections = []
    for attack in result.attacks:
        measures = [measure for measure in result.measures if measure.attack == attack["name"]]
        if measures:
            sections.append(Group(attack, measures, _plot(attack["title"], measures)))
    return sections


def _plot(title: str, measures: Sequence[Measure]) -> Markup | None:
    gaps = [
        Gap(measure.title, measure.gap, measure.margin, measure.verdict, measure.t_interval, measure.interval)
        for measure in measures
        if measure.verdict != SHOWN and measure.gap is not None and measure.margin is not None
    ]
    if not gaps:
        return None
    description = "; ".join(
        f"{gap.title}: {signed(gap.gap)}, margin {plain(gap.margin)}, {gap.verdict}" for gap in gaps
    )
    return Markup(gap_plot(gaps, title=f"Gaps: {title}", desc=description, reach=REACH))


def mean(values: Sequence[float | None] | None) -> str:
    """Return the mean of the values that aren't missing.

    >>> mean([0.5, None, 0.75]), mean(None)
    ('0.625', '–')
    """
    known = [value for value in values or () if value is not None]
    return plain(fmean(known)) if known else "–"


def spread(values: Sequence[float | None] | None) -> str:
    """Return a few values as they are, and of more the 95 % Student interval of their mean.

    >>> spread([0.5, None, 0.75]), spread([0.5]), spread([2, 2, 2]), spread([0, 1] * 10)
    ('0.500, –, 0.750', '', 'the same in all 3', '0.260 to 0.740, 20 values')
    """
    if values is None or len(values) < 2 or all(value is None for value in values):
        return ""
    if len(set(values)) == 1:
        return f"the same in all {len(values)}"
    if len(values) <= FEW:
        return ", ".join("–" if value is None else plain(value) for value in values)
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if len(known) < 2:
        return f"{len(known)} value"
    low, high = student_interval(known)
    return f"{plain(low)} to {plain(high)}, {len(known)} values"


def spoken(value: Any) -> str:
    """Return an option as people read it.

    >>> spoken(True), spoken(None), spoken([1, 2])
    ('yes', 'none', '1, 2')
    """
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return ", ".join(map(spoken, value)) if isinstance(value, list | tuple) else str(value)
