from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from preforget.training.checkpoint import Checkpoint
from preforget.training.loop import Schedule, run


class CutError(Exception):
    """Stands for whatever ends a learning early."""


def learn(
    examples: int = 10,
    seed: int = 0,
    checkpoint: Checkpoint | None = None,
    cut_at: int | None = None,
    seen: list[list[int]] | None = None,
    **schedule: object,
) -> dict[str, Tensor]:
    """Fit two parameters to noisy targets; raise `CutError` in step `cut_at`."""
    targets = torch.randn(examples, 3, generator=torch.Generator().manual_seed(1))
    parameters = {name: torch.zeros(3, requires_grad=True) for name in ("a", "b")}
    steps = iter(range(10**6))

    def backward(indices: Tensor, noise: torch.Generator) -> None:
        if seen is not None:
            seen.append(indices.tolist())
        if next(steps) == cut_at:
            raise CutError
        wanted = targets[indices] + torch.randn(len(indices), 3, generator=noise)
        loss = (parameters["a"] * parameters["b"] + parameters["a"] - wanted).square().mean()
        torch.autograd.backward(loss)

    options: dict[str, object] = {"epochs": 4, "batch_size": 3, "learning_rate": 0.1, **schedule}
    run(
        parameters,
        backward,
        examples=examples,
        schedule=Schedule(**options),  # type: ignore[arg-type]
        seed=seed,
        checkpoint=checkpoint,
    )
    return {name: parameter.detach().clone() for name, parameter in parameters.items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def test_a_constant_rate() -> None:
    assert Schedule(1, 1, 0.5).rate(7, 10) == 0.5


def test_warm_up_and_cosine_by_hand() -> None:
    schedule = Schedule(1, 1, 0.1, warmup_steps=4, cosine=True)
    assert schedule.rate(0, 8) == pytest.approx(0.1 / 4)
    assert schedule.rate(1, 8) == pytest.approx(0.1 * 2 / 4 * (1 + math.cos(math.pi / 8)) / 2)
    assert schedule.rate(4, 8) == pytest.approx(0.05)
    assert 0 < schedule.rate(7, 8) < 0.005


def test_every_epoch_sees_every_example_once_in_another_order() -> None:
    seen: list[list[int]] = []
    learn(seen=seen)
    assert [len(batch) for batch in seen] == [3, 3, 3, 1] * 4
    epochs = [[i for batch in seen[start : start + 4] for i in batch] for start in range(0, 16, 4)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_it_is_adam() -> None:
    parameter = torch.tensor([1.0, -2.0], requires_grad=True)

    def backward(indices: Tensor, _: torch.Generator) -> None:
        torch.autograd.backward(parameter.square().sum())

    schedule = Schedule(3, 1, 0.1, betas=(0.8, 0.9))
    run({"p": parameter}, backward, examples=1, schedule=schedule, seed=0)
    for number, start in enumerate([1.0, -2.0]):
        x, m, v = start, 0.0, 0.0
        for step in (1, 2, 3):
            m, v = 0.8 * m + 0.2 * 2 * x, 0.9 * v + 0.1 * (2 * x) ** 2
            x -= 0.1 * (m / (1 - 0.8**step)) / (math.sqrt(v / (1 - 0.9**step)) + 1e-8)
        assert parameter[number].item() == pytest.approx(x, abs=1e-6)


def test_rates_by_name_slow_a_parameter_down() -> None:
    slow, fast = (torch.tensor([5.0], requires_grad=True) for _ in range(2))

    def backward(indices: Tensor, _: torch.Generator) -> None:
        torch.autograd.backward((slow + fast).sum())

    run(
        {"slow": slow, "fast": fast},
        backward,
        examples=1,
        schedule=Schedule(1, 1, 0.3),
        seed=0,
        rates={"slow": 1 / 3},
    )
    assert slow.item() == pytest.approx(4.9, abs=1e-5)
    assert fast.item() == pytest.approx(4.7, abs=1e-5)


def test_the_seed_decides() -> None:
    assert same(learn(seed=3), learn(seed=3))
    assert not same(learn(seed=3), learn(seed=4))


def test_no_global_generator_is_touched() -> None:
    before = torch.random.get_rng_state()
    learn()
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("cut_at", range(16))
def test_a_resumed_run_ends_in_the_same_bits(tmp_path: Path, cut_at: int) -> None:
    options = {"warmup_steps": 5, "cosine": True}
    whole = learn(**options)  # type: ignore[arg-type]
    checkpoint = Checkpoint(tmp_path / "checkpoint", "digest")
    with pytest.raises(CutError):
        learn(checkpoint=checkpoint, cut_at=cut_at, **options)  # type: ignore[arg-type]
    assert (tmp_path / "checkpoint").is_file() == (cut_at >= 4)
    seen: list[list[int]] = []
    assert same(learn(checkpoint=checkpoint, seen=seen, **options), whole)  # type: ignore[arg-type]
    assert len(seen) == 16 - cut_at // 4 * 4


def test_a_finished_checkpoint_leaves_nothing_to_do(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint", "digest")
    whole = learn(checkpoint=checkpoint)
    seen: list[list[int]] = []
    assert same(learn(checkpoint=checkpoint, seen=seen), whole)
    assert seen == []
