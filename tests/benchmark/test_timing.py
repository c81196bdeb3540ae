from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
import torch

from preforget.benchmark.context import Context, stages
from preforget.benchmark.timing import REPEATS, held_tensors, parameters, stored_bytes, timed
from preforget.benchmark.trained_models import model_of

CPU = torch.device("cpu")


def test_what_is_prepared_does_not_count_and_fast_calls_are_repeated() -> None:
    calls = list[int]()

    def prepare() -> int:
        time.sleep(0.05)
        return len(calls)

    result, seconds = timed(prepare, lambda given: calls.append(given) or given, CPU)
    assert (len(calls), result) == (REPEATS, REPEATS - 1)
    assert seconds < 0.04


def test_slow_calls_are_not_repeated() -> None:
    calls = list[int]()

    def slow(given: None) -> None:
        calls.append(1)
        time.sleep(1.01)

    assert timed(lambda: None, slow, CPU)[1] == pytest.approx(1.01, abs=0.3)
    assert len(calls) == 1


def test_tensors_are_found_wherever_they_lie() -> None:
    model = SimpleNamespace(a=torch.zeros(3), b={"c": [torch.zeros(2, dtype=torch.int8)]}, d="text")
    assert sum(tensor.numel() for tensor in held_tensors(model)) == 5
    assert stored_bytes(model) == 14
    assert parameters(model) == 0


def test_models_of_a_benchmark(done: Context) -> None:
    learned = {
        task.who: model_of(done, task) for task in stages(done)[0] if not task.forgotten and not task.seed
    }
    assert parameters(learned["exact"]) == 0  # sums are not learned by gradient
    assert stored_bytes(learned["exact"]) > 0
    lora = learned["lora"]
    assert parameters(lora) == sum(tensor.numel() for tensor in lora.parameters.values())
    assert stored_bytes(lora) == 4 * parameters(lora)
