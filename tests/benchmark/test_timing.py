from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from preforget.benchmark.context import Context, stages
from preforget.benchmark.timing import REPEATS, held_tensors, parameters, stored_bytes, timed
from preforget.benchmark.trained_models import model_of

CPU = torch.device("cpu")


class Clock:
    """What `time` is to the module: it stands still but for what the test lets pass."""

    def __init__(self) -> None:
        self.now, self.calls = 0.0, 0

    def perf_counter(self) -> float:
        return self.now

    def prepare(self) -> int:
        self.now += 100
        return self.calls

    def call(self, given: int, seconds: float) -> int:
        self.calls += 1
        self.now += seconds
        return given


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("preforget.benchmark.timing.time", made)
    return made


def test_what_is_prepared_does_not_count_and_fast_calls_are_repeated(clock: Clock) -> None:
    result, seconds = timed(clock.prepare, lambda given: clock.call(given, [9, 1, 2, 3, 4][given] / 50), CPU)
    assert (clock.calls, result) == (REPEATS, REPEATS - 1)
    assert seconds == pytest.approx(3 / 50)  # the median


def test_slow_calls_are_not_repeated(clock: Clock) -> None:
    assert timed(clock.prepare, lambda given: clock.call(given, 1.01), CPU)[1] == pytest.approx(1.01)
    assert clock.calls == 1


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
