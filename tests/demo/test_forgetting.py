from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from preforget.demo.forgetting import Forgetting, same_scores

from .conftest import MakeLook


def test_figures_by_hand(step: Forgetting) -> None:
    assert step.figures() == {
        "label": "b",
        "forget_ms": 0.05,
        "forget_disk_ms": 2.5,
        "bytes_removed": 1234,
        "accuracy_retained_before": 3 / 4,
        "accuracy_retained_after": 1.0,
        "retained_scores_identical": True,
        "forgotten_answered": 0,
        "forgotten_abstained": 0.5,
        "retained_abstained": 0.25,
        # known 5, 1, 6, -1 against forgotten -2 and 1: seven pairs won, one tied
        "auroc": pytest.approx(6.5 / 8),
    }


def test_one_bit_is_seen(step: Forgetting, make_look: MakeLook) -> None:
    scores = step.after.scores.copy()
    scores[0, 0] = np.nextafter(scores[0, 0], np.float32(9))
    moved = make_look(step.after.truth.tolist(), step.after.classes, scores.tolist())
    assert same_scores(step.before, step.after)
    assert not same_scores(step.before, moved)
    assert replace(step, after=moved).figures()["retained_scores_identical"] is False


def test_what_went_earlier_is_not_retained(make_look: MakeLook, step: Forgetting) -> None:
    """Images of "z", forgotten before, count neither as retained nor as just forgotten."""
    truth = [*step.before.truth, "z"]
    before = make_look(truth, step.before.classes, [*step.before.scores.tolist(), [9, 9, 9]])
    after = make_look(truth, step.after.classes, [*step.after.scores.tolist(), [9, 9]])
    assert replace(step, before=before, after=after).figures() == step.figures()
