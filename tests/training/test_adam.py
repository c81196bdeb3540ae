from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from preforget.training.adam import Adam


def test_two_steps_by_hand() -> None:
    weight = torch.tensor([1.0, -1.0], requires_grad=True)
    optimizer = Adam([weight], 0.1, betas=(0.5, 0.75))
    weight.grad = torch.tensor([2.0, -8.0])
    optimizer.step()  # the first step is as long as the rate, whatever the gradient
    assert weight.tolist() == pytest.approx([0.9, -0.9])
    optimizer.rate = 0.2
    weight.grad = torch.tensor([0.0, -8.0])
    optimizer.step()
    mean, square = (
        0.5 * 1 / (1 - 0.5**2),
        0.75 * 1 / (1 - 0.75**2),
    )  # of gradients 2 and 0, from averages 1 and 1
    assert weight.tolist() == pytest.approx([0.9 - 0.2 * mean / math.sqrt(square), -0.7])


def gradients(shapes: list[tuple[int, ...]], steps: int) -> list[list[Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [[torch.randn(shape, generator=generator) for shape in shapes] for _ in range(steps)]


def test_it_has_the_bits_of_torch() -> None:
    shapes: list[tuple[int, ...]] = [(3, 5), (), (7,)]
    (start, *steps), factors = gradients(shapes, 6), [1.0, 1 / 3, 1 / 3]
    mine, theirs = ([tensor.clone().requires_grad_() for tensor in start] for _ in range(2))
    optimizer = Adam(mine, 0.0, (0.9, 0.98), factors)
    reference = torch.optim.Adam([{"params": [tensor]} for tensor in theirs], betas=(0.9, 0.98))
    for number, step in enumerate(steps):
        optimizer.zero_grad()
        reference.zero_grad()
        optimizer.rate = 0.01 * (number + 1)
        for group, factor in zip(reference.param_groups, factors, strict=True):
            group["lr"] = optimizer.rate * factor
        for tensor, other, gradient in zip(mine, theirs, step, strict=True):
            if number or tensor is not mine[2]:  # one without a gradient stays as it is, and counts no step
                tensor.grad, other.grad = gradient.clone(), gradient.clone()
        optimizer.step()
        reference.step()
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))
    for tensor, other in zip(mine, theirs, strict=True):
        one, two = optimizer.state[tensor], reference.state[other]
        assert one.keys() == two.keys()
        assert all(torch.equal(one[key], two[key]) for key in one)


def test_learning_never_imports_the_compiler_of_torch() -> None:
    code = """
import sys, torch
from preforget.training.loop import Schedule, run
p = {"p": torch.ones(3, requires_grad=True)}
run(p, lambda i, g: p["p"].sum().backward(), examples=4, schedule=Schedule(1, 2, 0.1), seed=0)
assert p["p"].tolist() != [1, 1, 1]
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
