"""What forgetting costs: sizes by hand, sums that must fit together, and a model that stays as it is."""

from __future__ import annotations

import sys

import pytest
import torch
from safetensors.torch import save

from preforget.audit.attacks.cost import ABOUT, bytes_of, forget_seconds, measure, peak_bytes, tensors
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import UnknownLabelError, UsageError


def test_bytes_by_hand_and_as_a_file_holds_them() -> None:
    assert bytes_of([torch.zeros(2, 3), torch.zeros(5, dtype=torch.int16), torch.zeros(())]) == 24 + 10 + 4
    named = {"a": torch.zeros(7, 3), "b": torch.zeros(4, dtype=torch.float64)}
    header = 8 + int.from_bytes(save(named)[:8], "little")
    assert bytes_of(named.values()) == len(save(named)) - header


def test_parameters_by_hand(model: PreForgettableClassifier) -> None:
    found = measure(model, "red", repeats=1).values
    width, blocks, classes = 32, 3, 3
    if model.engine_.name == "exact":
        own, shared = 0, 0
    elif model.engine_.name == "paper":
        own = width + width + 1
        shared = (
            (blocks - 1) * 2 * 2 * width * 4
        )  # blocks from the second; queries and values; two sides; rank 4
    else:
        prompt, adapters = width + blocks * width, 2 * 2 * blocks * width * 2  # rank 2
        own = prompt + blocks * width + 1 + adapters + width + 1  # row, bias; cheap row and bias
        shared = 0
    assert found["class_parameters"] == own
    assert found["parameters"] == classes * own + shared


def test_parts_fit_into_the_whole(model: PreForgettableClassifier) -> None:
    before = [record.digest() for record in model.engine_.records()]
    found = {label: measure(model, label, repeats=1).values for label in model.labels}
    whole = {own["model_bytes"] for own in found.values()}
    assert len(whole) == 1
    going = sum(own["record_bytes"] for own in found.values())
    pairs = bytes_of(tensors(r for r in model.engine_.records() if r.partner is not None))
    of_all = bytes_of(tensors(r for r in model.engine_.records() if not r.label))
    shared = bytes_of(model.engine_.shared_tensors().values())
    # each pair goes with either class, and what is kept for all classes with each
    assert going == whole.pop() - shared + pairs + (len(model.labels) - 1) * of_all
    assert [record.digest() for record in model.engine_.records()] == before


def test_values(model: PreForgettableClassifier) -> None:
    found = measure(model, "red", 12.5, repeats=2).values
    assert found["learn_seconds"] == 12.5
    assert found["data_touched"] == 0
    assert found["forget_seconds"] > 0
    assert set(found) <= set(ABOUT.titles) == ABOUT.unjudged
    assert "learn_seconds" not in measure(model, "red", repeats=1).values
    assert forget_seconds(model, "red") > 0
    assert "red" in model.labels


@pytest.mark.skipif(sys.platform == "win32", reason="Windows doesn't tell")
def test_peak_memory_grows_with_what_is_held() -> None:
    before = peak_bytes()
    assert before is not None
    size = before // 8 + 50_000_000  # more floats than half of all that was ever held
    held = torch.ones(size)
    after = peak_bytes()
    assert after is not None
    assert after >= before
    assert after > held.numel() * 4


def test_what_cannot_be_measured_is_refused(model: PreForgettableClassifier) -> None:
    with pytest.raises(UnknownLabelError):
        measure(model, "mauve")
    with pytest.raises(UsageError, match="at least 1"):
        measure(model, "red", repeats=0)
