"""Measurements of a model after forgetting, and their comparison with the retrained model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from preforget.audit.attacks import abstention, membership, mixed_stream, trained_membership
from preforget.audit.attacks.few_shot import open_shots, open_test
from preforget.audit.attacks.key_recovery import Setting, fewest, recover
from preforget.audit.attacks.mixed_stream import FORGET, MEMBERSHIP, RETAIN, RETAIN_TRAIN
from preforget.audit.attacks.observe import Parts, Seen, observe
from preforget.audit.attacks.scene import observe_parts, split_parts
from preforget.baselines import LoraHead
from preforget.baselines.drop_row import without_rows
from preforget.classifier import PreForgettableClassifier
from preforget.core.seeds import derive_seed
from preforget.data import Dataset, Split
from preforget.white_box.open_model import surface_of

ASKED = 4
"""A training part is sampled to at most this many times `rows` inputs; test parts are scored whole."""
SHOTS = Setting(5)

Values = dict[str, float]


def parts_for(data: Dataset, forgotten: tuple[str, ...], rows: int, seed: int) -> Parts[Split]:
    """Return the four parts, training parts sampled, test parts whole; raises `DataError` for an empty one."""
    retained = [label for label in data.classes if label not in forgotten]
    some = split_parts(data.train, data.test, forgotten, retained, ASKED * rows, seed)
    return Parts(some.forget_train, data.test.only(forgotten), some.retain_train, data.test.only(retained))


def measured(model: Any, parts: Parts[Split], seed: int, *, recovery: bool = True) -> Values:
    """Measure a model; key recovery only on request and if its weights can be opened. `seed`: of attacks.

    Raises `DataError` for scores that aren't finite.
    """
    values = values_of(observe_parts(model, parts), seed)
    share = recovered(model, parts, seed) if recovery else None
    return values if share is None else {**values, "recovery": share}


def values_of(answers: Parts[Seen], seed: int) -> Values:
    """Return the measures of a model's answers: accuracies on the mixed stream, abstention, membership."""
    stream = mixed_stream.measure(answers).values
    return {
        **{name: stream[name] for name in (FORGET, RETAIN, RETAIN_TRAIN, "false accept", "false abstain")},
        "auroc": abstention.measure(answers).values["auroc"],
        "mia": membership.measure(answers).values["largest distance"],
        MEMBERSHIP: trained_membership.measure(answers, seed).values["svc confidence"],
    }


def validated(model: Any, data: Dataset, forgotten: tuple[str, ...], rows: int, seed: int) -> Values:
    """Return the three accuracies that tug of war compares, on validation data."""
    retained = [label for label in data.classes if label not in forgotten]
    parts = split_parts(data.train, data.validation, forgotten, retained, ASKED * rows, seed)
    gone = observe(model, data.validation.only(forgotten))
    kept = [observe(model, part) for part in (parts.retain_train, data.validation.only(retained))]
    stream = mixed_stream.measure(Parts(gone, gone, kept[0], kept[1])).values
    return {name: stream[name] for name in (FORGET, RETAIN, RETAIN_TRAIN)}


def recovered(model: Any, parts: Parts[Split], seed: int) -> float | None:
    """Return the share of forgotten test inputs that five shots win back; None for closed models and too few inputs.

    If a method keeps the columns of forgotten classes, they are dropped first, so that all models are attacked alike:
    the recovered class doesn't compete with its old column.
    """
    if not (isinstance(model, PreForgettableClassifier) or hasattr(model, "surface")):
        return None
    if fewest(parts.forget_train.labels) < SHOTS.shots:
        return None
    surface = surface_of(without_columns(model, set(parts.forget_train.labels)))
    attack_seed = derive_seed(seed, "key recovery", 0)
    pool, test = open_shots(surface, parts, SHOTS.shots, attack_seed), open_test(surface, parts, seed)
    return recover(surface, pool, test, SHOTS, attack_seed)[0]


def without_columns(model: Any, gone: set[str]) -> Any:
    """Return an ordinary classifier without the columns of some classes, any other model as it is."""
    if not isinstance(model, LoraHead) or gone.isdisjoint(model.labels):
        return model
    rows = [row for row, label in enumerate(model.labels) if label not in gone]
    return model.changed(without_rows(model.parameters, rows), [model.labels[kept_row] for kept_row in rows])


def compared(values: Mapping[str, float], retrain: Mapping[str, float]) -> Values:
    """Return the measures, named as in `COLUMNS`, that depend on the model and its retrain alone."""
    measures = {
        "fa": values[FORGET],
        "ra": values[RETAIN],
        "auroc": values["auroc"],
        "mia": values["mia"],
        "tow": mixed_stream.tug_of_war(values, retrain),
        "gap": mixed_stream.average_gap(values, retrain),
    }
    if "recovery" in values:
        measures["recovery"] = values["recovery"]
        if "recovery" in retrain:
            measures["recovery_gap"] = values["recovery"] - retrain["recovery"]
    return measures
