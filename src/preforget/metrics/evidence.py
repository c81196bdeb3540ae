"""Is a model the same as a retrained one? Gaps paired by seed, their intervals, and one of three verdicts.

`g_i = unlearned_i - retrain_i` over `n` seeds, `m` their mean, `s` their standard deviation, `e = s / sqrt(n)`. Absence
of a difference is not evidence of none, so "equivalent" is what has to be shown: two one-sided t tests must reject both
`m <= -margin` and `m >= margin` (Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from preforget.core.errors import UsageError

Values = npt.NDArray[np.float64]
Interval = tuple[float, float]
Verdict = Literal["equivalent", "different", "undecided"]

COVERAGE = 0.95
"""How often an interval is meant to hold the mean."""

RESAMPLES = 10_000
ROUNDING = 8 * float(np.finfo(np.float64).eps)
"""Differences up to this share of the largest number at hand are rounding, not spread between seeds."""


@dataclass(frozen=True)
class Evidence:
    """What gaps to retrained models say; everything in the unit of the values.

    `gap`: the mean of `gaps`; `interval`: percentile bootstrap over seeds; `t_interval`: Student's; `p_equivalent`: the
    larger p value of both one-sided tests. Intervals (95 %) and p value are None where there is one seed alone.
    """

    gap: float
    gaps: tuple[float, ...]
    margin: float
    interval: Interval | None
    t_interval: Interval | None
    p_equivalent: float | None
    verdict: Verdict

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }


def judge(
    unlearned: Sequence[float],
    retrain: Sequence[float],
    margin: float,
    *,
    generator: np.random.Generator,
    level: float = 0.05,
) -> Evidence:
    """Judge a value of unlearned models beside that of retrained ones, one of each per seed, in the same order.

    "equivalent": both one-sided tests reject at `level`; "different": the 95 % Student interval holds no zero, and the
    mean gap is larger than `margin`; else "undecided", as always with one seed. Gaps that are the same for all seeds
    but for rounding are taken as exact. Raises `UsageError` for columns of different lengths or none, for values that
    aren't finite, a margin that isn't above 0 or a level outside 0..0.5.

    >>> judge([0.51, 0.5, 0.5], [0.5, 0.5, 0.51], 0.05, generator=np.random.default_rng(0)).verdict
    'equivalent'
    """
    if not (np.isfinite(margin) and margin > 0):
        raise UsageError(f"the margin is {margin}; give the largest gap that counts as none, above 0")
    if not 0 < level < 0.5:
        raise UsageError(f"the level is {level}; give an error rate between 0 and 0.5, such as 0.05")
    if len(unlearned) != len(retrain):
        raise UsageError(
            f"{len(unlearned)} values of unlearned models can't be paired with {len(retrain)} of retrained ones; "
            "give one of each per seed"
        )
    one, other = _column(unlearned), _column(retrain)
    gaps = one - other
    slack = ROUNDING * max(float(np.abs([one, other]).max()), margin)
    # The median of equal numbers is that number, bit by bit; their mean need not be.
    exact = np.ptp(gaps) <= slack
    used = np.full_like(gaps, np.median(gaps)) if exact else gaps
    gap = float(used[0] if exact else used.mean())
    interval = t_interval = p_equivalent = None
    verdict: Verdict = "undecided"
    if len(gaps) > 1:
        interval = bootstrap_interval(used, generator)
        t_interval = student_interval(used)
        p_equivalent = tost(used, margin, slack)
        if p_equivalent < level:
            verdict = "equivalent"
        elif not t_interval[0] <= 0 <= t_interval[1] and abs(gap) > margin + slack:
            verdict = "different"
    return Evidence(gap, tuple(gaps.tolist()), float(margin), interval, t_interval, p_equivalent, verdict)


def mean_interval(values: Sequence[float], generator: np.random.Generator) -> tuple[float, Interval | None]:
    """Return the mean of a column and its 95 % bootstrap interval, None for one value alone.

    Raises `UsageError` if there are no values or some aren't finite.
    """
    column = _column(values)
    return float(column.mean()), bootstrap_interval(column, generator) if len(column) > 1 else None


def tost(gaps: Values, margin: float, slack: float = 0.0) -> float:
    """Return the larger p value of the two one-sided t tests: `P(T_{n-1} <= (|m| - margin) / e)`.

    `gaps [n >= 2]`. Without any spread it is 0 inside the margin, 1 outside, and 0.5 within `slack` of it.
    """
    error = _standard_error(gaps)
    excess = abs(float(gaps.mean())) - margin
    if error == 0:
        return 0.5 if abs(excess) <= slack else float(excess > 0)
    return float(stdtr(len(gaps) - 1, excess / error))


def student_interval(values: Values) -> Interval:
    """Return `m -+ t_{n-1, 0.975} e`, the 95 % interval of the mean of `values [n >= 2]` that are about Gaussian."""
    error = _standard_error(values)
    if error == 0:
        return float(values[0]), float(values[0])
    reach = float(stdtrit(len(values) - 1, (1 + COVERAGE) / 2)) * error
    return float(values.mean()) - reach, float(values.mean()) + reach


def bootstrap_interval(values: Values, generator: np.random.Generator) -> Interval:
    """Return the middle 95 % of the means of `RESAMPLES` draws of `n` of `values [n >= 2]`, with replacement.

    Too narrow for few seeds, so no verdict hangs on it. Values in another order give the same interval.
    """
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    drawn = generator.integers(0, len(values), (RESAMPLES, len(values)))
    means = np.sort(values)[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)


def _standard_error(values: Values) -> float:
    """Return `s / sqrt(n)`, exactly 0 for equal values."""
    return 0.0 if np.ptp(values) == 0 else float(values.std(ddof=1)) / len(values) ** 0.5


def _column(values: Sequence[float]) -> Values:
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1 or not len(column) or not np.isfinite(column).all():
        raise UsageError(
            f"values {list(values)} can't be judged; give one finite number per seed, at least one"
        )
    return column
