"""Membership attacks that learn on retained data what a member looks like, and then judge the forgotten data.

The value is the share of forgotten training inputs that are called members. The aim is not 0 but the value of a
retrained model, which has never seen them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.audit.attacks.attack import About, Finding
from preforget.audit.attacks.membership import at, entropy, modified_entropy
from preforget.audit.attacks.observe import Array, Parts, Seen
from preforget.audit.attacks.registry import register_attack
from preforget.audit.attacks.scene import ROLES, Scene
from preforget.core.errors import DataError
from preforget.core.seeds import derive_seed

ROWS = 1000
"""The most inputs of each kind from which an attacker learns."""

ABOUT = About(
    name="trained_membership",
    title="Membership attacks trained on retained data",
    asks="How many of the forgotten inputs does an attacker call learned, "
    "who has studied how learned and new images of the other classes are answered?",
    source="support vector machine: Fan et al. (SalUn), arXiv 2310.12508, evaluation metrics; "
    "logistic regression on entropy: Chundawat et al. (Bad Teacher), arXiv 2205.08096, evaluation metrics",
    margin=0.05,
    titles={
        "svc confidence": "SVC on the true class's probability: called members",
        "svc statistics": "SVC on correctness, probability, entropies: called members",
        "svc probabilities": "SVC on sorted probabilities: called members",
        "logistic entropy": "logistic regression on entropy: called members",
    },
)


def called_members(attacker: Any, members: Array, others: Array, questioned: Array) -> float:
    """Return the share of `asked [k, F]` that an attacker calls members, who learned `members [m, F]` from `others`.

    `attacker`: a scikit-learn classifier, not yet fitted. Features are standardised by the rows that it learns from.
    """
    learned = np.concatenate([members, others])
    middle, spread = learned.mean(axis=0), learned.std(axis=0)
    # What is the same in all rows but for rounding tells nothing, and dividing by its spread would blow it up.
    spread = np.where(spread > 1e-12 * (1 + np.abs(middle)), spread, np.inf)
    truth = np.repeat([1, 0], [len(members), len(others)])
    attacker.fit((learned - middle) / spread, truth)
    return float(np.mean(attacker.predict((questioned - middle) / spread)))


def balanced(
    members: int, others: int, limit: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return as many positions of members as of others, drawn without replacement, at most `limit` of each."""
    each = min(members, others, limit)
    return rng.choice(members, each, replace=False), rng.choice(others, each, replace=False)


def features(answers: Seen) -> dict[str, Array]:
    """Return what each attack of `ABOUT.titles` looks at, `[n, F]`.

    Where the true class's column is gone, abstain's takes its place, as everywhere in the audit.
    """
    p, true = answers.with_abstain(), answers.true_columns()
    right = (p.argmax(axis=1) == true).astype(np.float64)
    statistics = [right, at(p, true), entropy(p), modified_entropy(p, true), p.max(axis=1)]
    return {
        "svc confidence": at(p, true)[:, None],
        "svc statistics": np.stack(statistics, axis=1),
        "svc probabilities": -np.sort(-p, axis=1),
        "logistic entropy": entropy(p)[:, None],
    }


def measure(answers: Parts[Seen], seed: int) -> Finding:
    """Train each attacker on retained data, half of it learned from, and apply it to the forgotten training data.

    Raises `DataError` where there are fewer than 2 retained inputs of a kind, or nothing is forgotten.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    counts = {name: len(part) for name, part in answers.items()}
    if min(counts["retain_train"], counts["retain_test"]) < 2 or not counts["forget_train"]:
        raise DataError(
            f"an attacker needs 2 retained inputs or more that were learned from ({counts['retain_train']} given) "
            f"and that were kept apart ({counts['retain_test']} given), and forgotten ones "
            f"({counts['forget_train']} given); give data that have them"
        )
    rng = np.random.default_rng(derive_seed(seed, "trained membership"))
    chosen, others = balanced(counts["retain_train"], counts["retain_test"], ROWS, rng)
    learned, kept, questioned = (
        features(part) for part in (answers.retain_train, answers.retain_test, answers.forget_train)
    )
    values = {}
    for name in ABOUT.titles:
        attacker = SVC() if name.startswith("svc") else LogisticRegression(max_iter=1000)
        values[name] = called_members(attacker, learned[name][chosen], kept[name][others], questioned[name])
    return Finding(values)


@register_attack(ABOUT, roles=ROLES)
def attack_scene(scene: Scene) -> Finding:
    """Attack the answers of any model."""
    return measure(scene.seen, scene.seed)
