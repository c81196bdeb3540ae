"""Attacks on models that exist already: models of other packages, post-hoc baselines, planted leaks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from preforget.audit.assemble import measures_of
from preforget.audit.attacks.attack import Effort
from preforget.audit.attacks.observe import Classifier, Parts
from preforget.audit.attacks.registry import attack_on_scene, in_order, scene_attacks
from preforget.audit.attacks.scene import ORIGINAL, RETRAIN, UNLEARNED, Scene, observe_parts
from preforget.audit.result import Measure
from preforget.backbones.pinned import pinned
from preforget.core.errors import UsageError
from preforget.data import Split


@pinned
def examine(
    unlearned: Sequence[Classifier],
    retrain: Sequence[Classifier],
    splits: Parts[Split],
    *,
    original: Sequence[Classifier] = (),
    attacks: Sequence[str] | None = None,
    effort: Effort | None = None,
    labels: Sequence[str] | None = None,
) -> list[Measure]:
    """Attack each model of `unlearned` and `retrain`, paired by seed, and judge the gaps.

    Attacks run one after another in this process.

    Args:
        unlearned: Models after forgetting, of any kind: they need `scores(x)`, and for attacks on open weights
            `surface()`.
        retrain: As many models that never saw what was forgotten.
        splits: The forgotten and the retained inputs, learned from and held out.
        original: The models before forgetting, for attacks that compare with them.
        attacks: Names of the attacks to run, by default all that the models allow.
        effort: How much an attack does; `quick` by default.
        labels: Names of the columns of models that don't name them.

    Returns:
        One measure for each value that an attack found, with gap, interval and verdict.

    Raises:
        UsageError: The models can't be paired, or an attack is unknown.
        DataError: A part of the data is empty, or scores can't be used.

    Example:
        >>> import numpy as np
        >>> import preforget as pf
        >>> from preforget.audit.attacks.observe import Parts
        >>> from preforget.data import Split, Vectors
        >>> X = np.random.default_rng(0).normal(size=(180, 4)) + np.repeat([[0.0], [4.0], [8.0]], 60, axis=0)
        >>> y = np.repeat(["Ada", "Grace", "Mary"], 60)
        >>> train, held_out, test = (Split(Vectors(X[first::3]), y[first::3]) for first in range(3))
        >>> model = pf.PreForgettableClassifier("features", "exact").fit(train, validation=held_out)
        >>> model.forget("Grace").classes_left
        2
        >>> left = [split.without("Grace") for split in (train, held_out, test)]
        >>> again = pf.PreForgettableClassifier("features", "exact").fit(left[0], validation=left[1])
        >>> parts = Parts(train.only(["Grace"]), test.only(["Grace"]), left[0], left[2])
        >>> {measure.gap for measure in pf.examine([model], [again], parts, attacks=["membership"])}
        {0.0}
    """
    if len(unlearned) != len(retrain) or not unlearned or (original and len(original) != len(unlearned)):
        raise UsageError(
            f"{len(unlearned)} unlearned, {len(retrain)} retrained and {len(original)} original models can't be "
            "paired; give one of each kind per seed"
        )
    models = {ORIGINAL: original, UNLEARNED: unlearned, RETRAIN: retrain}
    answers = {role: [observe_parts(m, splits, labels) for m in of_role] for role, of_role in models.items()}
    opened = all(_opens(model) for of_role in models.values() for model in of_role)
    if attacks:
        chosen = {name: attack_on_scene(name) for name in in_order(set(attacks))}
    else:
        every = {name: attack_on_scene(name) for name in scene_attacks()}
        chosen = {name: attack for name, attack in every.items() if opened or not attack.open_weights}
    values: dict[str, dict[str, list[dict[str, float]]]] = {name: {} for name in chosen}
    for role, of_role in models.items():
        for seed, model in enumerate(of_role):
            scene = Scene(
                role=role,
                load=partial(_itself, model),
                splits=splits,
                seen=answers[role][seed],
                forgotten=tuple(sorted(set(splits.forget_test.labels))),
                effort=effort or Effort(),
                seed=seed,
                another=answers[RETRAIN][(seed + 1) % len(retrain)] if len(retrain) > 1 else None,
                target=float(answers[ORIGINAL][seed].forget_test.guessed_right().mean())
                if original
                else None,
            )
            for name, attack in chosen.items():
                if role in attack.roles:
                    finding = attack.call(scene)
                    values[name].setdefault(role, []).append({} if finding is None else finding.values)
    return [judged for name in chosen for judged in measures_of(chosen[name].about, values[name])]


def _itself(model: Any) -> Any:
    return model


def _opens(model: Any) -> bool:
    return hasattr(model, "surface") or hasattr(model, "engine_")
