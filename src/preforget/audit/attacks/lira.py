"""LiRA and U-LiRA: per-example likelihood ratios from shadow models, the strongest known membership attack.

`S` shadow models, `m` examples; `member [S, m]` says which examples each shadow was trained with. In U-LiRA each shadow
forgets afterwards, and the signal is read from its answers after forgetting: example by example, shadows that were
trained with it and forgot it against shadows that never had it. Membership must be drawn for each shadow independently
(a random half of the pool each): a plan in which every example is in exactly half of the shadows would put the
AUC of no leak below 0.5.
"""

from __future__ import annotations

import numpy as np

from preforget.audit.attacks.attack import About
from preforget.audit.attacks.membership import FLOOR, all_but
from preforget.audit.attacks.observe import NOTHING, Array, Mask, Seen
from preforget.audit.attacks.registry import register_shadow_attack

FEW = 16
"""Up to this many shadows all examples share one variance, since it can't be estimated for each."""

LEAST_SHARE = 0.01
"""The least variance of an example, as a share of the pooled one: a few equal values don't make it certain."""

ABOUT = About(
    name="lira",
    title="Likelihood ratio attack with shadow models",
    asks="Can an attacker who has trained many models of the same kind, and made them forget, tell, "
    "input by input, what the forgotten class was learned from?",
    source="LiRA: Carlini et al., arXiv 2112.03570, algorithm 1 and sec. IV; U-LiRA: Hayes et al., arXiv 2403.01218",
    margin=0.05,
    titles={
        "auc": "AUC",
        "distance": "|AUC - 0.5|",
        "tpr at 1 % fpr": "TPR at 1 % FPR",
        "global threshold auc": "AUC of one threshold for all examples",
    },
    margins={"tpr at 1 % fpr": 0.02},
)


def logit_confidence(p_true: Array, rest: Array | None = None) -> Array:
    """Return `log(p / (1 - p))`, both at least `FLOOR`; `rest`: `1 - p`, if it is known without rounding.

    >>> float(logit_confidence(np.array(0.5)))
    0.0
    """
    rest = 1 - p_true if rest is None else rest
    confidence: Array = np.log(np.maximum(p_true, FLOOR)) - np.log(np.maximum(rest, FLOOR))
    return confidence


def forgotten_signal(answers: Seen) -> Array:
    """Return the signal of each forgotten input `[n]`: the logit of the probability of abstaining.

    For a model that never abstains it is the negative logit of the largest probability.
    """
    p = answers.with_abstain()
    rest = all_but(p)
    if p[:, -1].any():
        # Below NOTHING abstain's probability is rounded to zero; the floor there keeps it from being an outlier.
        return logit_confidence(np.maximum(p[:, -1], NOTHING), rest[:, -1])
    rows, best = np.arange(len(p)), p.argmax(axis=1)
    return -logit_confidence(p[rows, best], rest[rows, best])


def normals(signals: Array, used: Mask) -> tuple[Array, Array]:
    """Return mean and variance `[m]` over shadows of the used signals `[S, m]`; means are NaN without signals.

    With `FEW` shadows or fewer, and for an example with a single signal, the variance is that around the examples'
    own means, pooled over all examples.
    """
    count = used.sum(axis=0)
    kept = np.where(used, signals, 0)
    mean = np.where(count > 0, kept.sum(axis=0) / np.maximum(count, 1), np.nan)
    squares = np.where(used, (signals - mean) ** 2, 0).sum(axis=0)
    free = np.maximum(count - 1, 0)
    pooled = max(float(squares.sum() / max(free.sum(), 1)), FLOOR)
    if len(signals) <= FEW:
        return mean, np.full(len(mean), pooled)
    variances = np.where(free > 0, squares / np.maximum(free, 1), pooled)
    return mean, np.maximum(variances, LEAST_SHARE * pooled)


def log_normal(x: Array, mean: Array, variance: Array) -> Array:
    """Return the log density of a Gaussian."""
    density: Array = -((x - mean) ** 2) / (2 * variance) - np.log(2 * np.pi * variance) / 2
    return density


def likelihood_ratios(observed: Array, signals_in: Array, signals_out: Array, mask_in: Mask) -> Array:
    """Return `log N(x; mu_in, var_in) - log N(x; mu_out, var_out)` for each example `[m]`, higher like a member.

    `observed [m]`: the target's signals; `signals_in [S, m]` count where `mask_in`, `signals_out [S, m]` where not, and
    neither where NaN: they are one array in LiRA, and two if shadows come in pairs. 0 for an example whose shadows
    are all of one kind. Source: arXiv 2112.03570, algorithm 1.
    """
    inside, outside = mask_in & ~np.isnan(signals_in), ~mask_in & ~np.isnan(signals_out)
    ratio = log_normal(observed, *normals(signals_in, inside)) - log_normal(
        observed, *normals(signals_out, outside)
    )
    ratios: Array = np.where(np.isnan(ratio), 0.0, ratio)
    return ratios


def global_threshold(observed: Array, signals: Array, member: Mask) -> Array:
    """Return scores `[m]` of the attack with one threshold for all examples: a target's signals themselves.

    The side of the members is learned from the other shadows, `[S, m]`.
    """
    return -observed if signals[member].mean() < signals[~member].mean() else observed


@register_shadow_attack(ABOUT, signal=forgotten_signal)
def lira(observed: Array, signals: Array, member: Mask) -> dict[str, Array]:
    """Return an example's likelihood ratio, and beside it the score of one threshold for all examples."""
    return {
        "likelihood ratio": likelihood_ratios(observed, signals, signals, member),
        "global threshold": global_threshold(observed, signals, member),
    }
