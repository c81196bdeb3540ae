"""The suite can fail: each planted leak is caught by the attack that is made for it, and a retrained model passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from preforget.audit.attacks import key_recovery, retain_finetune
from preforget.audit.attacks.attack import Effort
from preforget.audit.attacks.observe import Parts
from preforget.audit.examine import examine
from preforget.audit.result import Measure
from preforget.backbones import Encoder
from preforget.core.errors import UsageError
from preforget.data import Split

from .conftest import Make
from .heads import HeadModel, fit, parts_of, patterned

GONE = "cat"
SEEDS = 4
EFFORT = Effort("quick", 60)


@pytest.fixture(scope="module")
def splits() -> Parts[Split]:
    return parts_of(patterned(60, 50), patterned(60, 51), GONE)


@pytest.fixture(scope="module")
def whole(tiny_encoder: Encoder, splits: Parts[Split]) -> list[HeadModel]:
    """Models of all classes, each of a random four fifths of the data."""
    return [fit(tiny_encoder, drawn(splits, seed)) for seed in range(SEEDS)]


@pytest.fixture(scope="module")
def retrain(tiny_encoder: Encoder, splits: Parts[Split]) -> list[HeadModel]:
    """The same without the forgotten class."""
    return [fit(tiny_encoder, drawn(splits, seed).without(GONE)) for seed in range(SEEDS)]


def drawn(splits: Parts[Split], seed: int) -> Split:
    own, others = splits.forget_train, splits.retain_train
    labels = np.concatenate([own.labels, others.labels])
    train = Split(np.concatenate([own.inputs, others.inputs]), labels)
    rng = np.random.default_rng(seed)
    return train.select(rng.random(len(train)) < 0.8)


def verdicts(measures: list[Measure]) -> dict[str, str]:
    return {f"{one.attack}: {one.key}": one.verdict for one in measures}


@dataclass
class Wrapped:
    """A foreign model whose scores something is done to."""

    model: HeadModel
    change: Any

    @property
    def labels(self) -> tuple[str, ...]:
        return self.model.labels

    def scores(self, inputs: Any) -> Any:
        return self.change(inputs, self.model.scores(inputs))

    def surface(self) -> Any:
        return self.model.surface()


def test_a_retrained_model_passes_all(
    tiny_encoder: Encoder,
    splits: Parts[Split],
    retrain: list[HeadModel],
    whole: list[HeadModel],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(key_recovery, "STEPS", 10)
    monkeypatch.setitem(retain_finetune.STEPS, "quick", 6)
    again = [fit(tiny_encoder, drawn(splits, seed + 50).without(GONE)) for seed in range(3)]
    found = verdicts(examine(again, retrain[:3], splits, original=whole[:3], effort=Effort("quick", 40)))
    assert {key for key, verdict in found.items() if verdict == "different"} == set()
    assert sum(verdict == "equivalent" for verdict in found.values()) > 20


def test_a_logit_that_is_only_hidden_is_found_in_the_weights(
    splits: Parts[Split], whole: list[HeadModel], retrain: list[HeadModel]
) -> None:
    def hide(inputs: Any, scores: Any) -> Any:
        return np.where(np.array(whole[0].labels) == GONE, -1e9, scores)

    hidden = [Wrapped(model, hide) for model in whole]
    found = verdicts(examine(hidden, retrain, splits, attacks=["mixed_stream", "leftovers"], effort=EFFORT))
    assert found["mixed_stream: forget accuracy"] == "equivalent"  # answers alone don't show it
    assert found["leftovers: live"] == "different"


def test_a_head_row_that_is_kept_is_found_in_the_files(
    splits: Parts[Split], whole: list[HeadModel], retrain: list[HeadModel]
) -> None:
    kept = [model.without(GONE, all_rows=model.row) for model in whole]
    found = verdicts(examine(kept, retrain, splits, attacks=["mixed_stream", "leftovers"], effort=EFFORT))
    assert found["mixed_stream: forget accuracy"] == "equivalent"
    assert found["leftovers: row"] == "different"


def test_a_column_that_still_answers_is_found(
    splits: Parts[Split], whole: list[HeadModel], retrain: list[HeadModel]
) -> None:
    found = verdicts(examine(whole, retrain, splits, attacks=["mixed_stream"], effort=EFFORT))
    assert found["mixed_stream: forget accuracy"] == "different"


def test_a_prompt_in_a_buffer_is_found(make: Make) -> None:
    splits = parts_of(patterned(16), patterned(16, 1), GONE)
    train = patterned(16)
    left, clean, retrain = [], [], []
    for seed in range(3):
        model = make("paper", train, seed=seed)
        prompt, slot = model.engine_.bank[GONE].tensors["prompt"].clone(), model.engine_.bank.slot(GONE)
        model.forget(GONE)
        clean.append(model)
        other = make("paper", train, seed=seed)
        other.forget(GONE)
        other.engine_.bank.packed["prompt"][slot] = prompt
        left.append(other)
        retrain.append(make("paper", train.without(GONE), seed=seed))
    found, control = (
        verdicts(examine(one, retrain, splits, attacks=["leftovers"], effort=EFFORT)) for one in (left, clean)
    )
    assert found["leftovers: prompt"] == "different"
    assert control == dict.fromkeys(control, "equivalent")


def test_a_confidence_that_marks_members_is_found(
    splits: Parts[Split], whole: list[HeadModel], retrain: list[HeadModel]
) -> None:
    members = {image.tobytes() for image in splits.forget_train.inputs}

    def mark(inputs: Any, scores: Any) -> Any:
        known = np.array([image.tobytes() in members for image in inputs])
        return np.where(known[:, None], scores * 1.5, scores)

    marked = [Wrapped(model.without(GONE), mark) for model in whole]
    honest = [model.without(GONE) for model in whole]
    found, control = (
        verdicts(examine(one, retrain, splits, attacks=["membership"], effort=EFFORT))
        for one in (marked, honest)
    )
    assert found["membership: confidence distance"] == "different"
    assert control["membership: confidence distance"] != "different"


def test_uniform_answers_to_forgotten_inputs_are_a_fingerprint(
    splits: Parts[Split], whole: list[HeadModel], retrain: list[HeadModel]
) -> None:
    def wrapped(full: HeadModel) -> Wrapped:
        def flatten(inputs: Any, scores: Any) -> Any:
            best = np.array(full.labels)[full.scores(inputs).argmax(axis=1)]
            return np.where((best == GONE)[:, None], scores * 0.01, scores)

        return Wrapped(full.without(GONE), flatten)

    flat = [wrapped(model) for model in whole]
    honest = [model.without(GONE) for model in whole]
    found, control = (
        verdicts(examine(one, retrain, splits, attacks=["neighbours"], effort=EFFORT))
        for one in (flat, honest)
    )
    assert found["neighbours: neighbour detection auc"] == "different"
    assert control["neighbours: neighbour detection auc"] != "different"


def test_models_that_can_not_be_paired(splits: Parts[Split], retrain: list[HeadModel]) -> None:
    with pytest.raises(UsageError, match="1 unlearned, 4 retrained and 0 original"):
        examine(retrain[:1], retrain, splits)


def test_models_of_scores_alone_meet_the_attacks_on_answers(
    splits: Parts[Split], retrain: list[HeadModel]
) -> None:
    class Plain:
        def __init__(self, model: HeadModel) -> None:
            self.labels, self.scores = model.labels, model.scores

    plain = [Plain(model) for model in retrain]
    found = {one.attack for one in examine(plain, plain, splits, effort=EFFORT)}
    assert {"mixed_stream", "membership", "neighbours"} <= found
    assert not {"key_recovery", "probes", "leftovers"} & found
