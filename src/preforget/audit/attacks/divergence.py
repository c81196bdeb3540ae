"""How far answers to forgotten inputs are from those of another model: a retrained one, or one that never learned.

`JS(p, q) = (KL(p || m) + KL(q || m)) / 2` with `m = (p + q) / 2`, in bits: 0 for the same answers, 1 for answers that
share no class. Source of both values: Chundawat et al., "Can Bad Teaching Induce Forgetting?", arXiv 2205.08096.
"""

from __future__ import annotations

import numpy as np
from scipy.special import rel_entr

from preforget.audit.attacks.attack import About, Finding
from preforget.audit.attacks.neighbours import columns_of
from preforget.audit.attacks.observe import Array, Parts, Seen
from preforget.audit.attacks.registry import register_attack
from preforget.audit.attacks.scene import Scene
from preforget.core.errors import DataError

ABOUT_JSD = About(
    name="jsd",
    title="Divergence from another retrained model",
    asks="Do answers to forgotten inputs differ from those of a model that was retrained with another seed "
    "more than two retrained models differ?",
    source="Jensen-Shannon divergence: Chundawat et al., arXiv 2205.08096",
    margin=0.05,
    titles={"jsd": "mean Jensen-Shannon divergence in bits, to another retrained model"},
)

ABOUT_ZRF = About(
    name="zrf",
    title="Likeness to an untrained model (ZRF)",
    asks="Are answers to forgotten inputs as random as those of a model that learned nothing?",
    source="zero retrain forgetting metric: Chundawat et al., arXiv 2205.08096",
    margin=0.05,
    titles={"zrf": "1 - mean Jensen-Shannon divergence in bits, to an untrained model"},
)


def jensen_shannon(p: Array, q: Array) -> Array:
    """Return the divergence of each row `[n]` in bits, 0 to 1, for `p`, `q [n, C]` whose rows sum to 1.

    >>> jensen_shannon(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])).tolist()
    [1.0]
    """
    # KL(p || m) = sum 2p log(2p / (p + q)) / 2: without halving m, which would turn the smallest numbers into 0.
    both = p + q
    nats = (rel_entr(2 * p, both) + rel_entr(2 * q, both)).sum(axis=1) / 4
    bits: Array = np.clip(nats / np.log(2), 0, 1)
    return bits


def jsd(answers: Seen, other: Seen) -> float:
    """Return the mean divergence of two models' answers to the same inputs, 0 to 1.

    Columns are aligned by name, abstain with abstain; a class that only one of the models has counts as zero in the
    other. Raises `DataError` for no inputs, for different inputs, or for another order.
    """
    if len(answers) != len(other) or any(answers.truth != other.truth) or not len(answers):
        raise DataError(
            f"the models answered {len(answers)} and {len(other)} forgotten test inputs, or different ones; "
            "ask both the same inputs in the same order, at least one"
        )
    labels = sorted({*answers.labels, *other.labels})
    return float(jensen_shannon(columns_of(answers, labels), columns_of(other, labels)).mean())


def compare(answers: Parts[Seen], other: Parts[Seen]) -> Finding:
    """Compare answers to forgotten test inputs with those of `other`, a retrained model of another seed."""
    return Finding({"jsd": jsd(answers.forget_test, other.forget_test)})


def zrf(answers: Parts[Seen], untrained: Parts[Seen]) -> Finding:
    """Compare answers to forgotten test inputs with those of a model that learned nothing: `1 - mean JS`.

    A retrained model isn't untrained, so the aim is its value, not 1.
    """
    return Finding({"zrf": 1 - jsd(answers.forget_test, untrained.forget_test)})


@register_attack(ABOUT_JSD)
def attack_scene(scene: Scene) -> Finding | None:
    """Compare with the next retrained model; None if there is only one seed."""
    return None if scene.another is None else compare(scene.seen, scene.another)


@register_attack(ABOUT_ZRF)
def attack_scene_untrained(scene: Scene) -> Finding | None:
    """Compare with a model that learned nothing; None if there is none."""
    return None if scene.untrained is None else zrf(scene.seen, scene.untrained)
