from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
import torch

from preforget.backbones.pinned import pinned, pinned_torch


def state() -> tuple[object, ...]:
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_default_dtype(),
        torch.get_default_device(),
    )


FRESH = (True, False, False, torch.float32, torch.device("cpu"))


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def default_device(device: str) -> Iterator[None]:
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


@pytest.mark.parametrize(
    "surroundings",
    [
        torch.no_grad(),
        torch.inference_mode(),
        torch.autocast("cpu", dtype=torch.bfloat16),
        default_dtype(torch.float64),
        default_device("meta"),
        torch.device("meta"),
    ],
    ids=["no_grad", "inference_mode", "autocast", "dtype", "set_default_device", "device"],
)
def test_whatever_is_set_it_is_a_fresh_torch_inside_and_as_before_outside(
    surroundings: AbstractContextManager[object],
) -> None:
    with surroundings:
        before = state()
        assert before != FRESH
        assert pinned(state)() == FRESH
        with pytest.raises(ZeroDivisionError), pinned_torch():
            raise ZeroDivisionError
        assert state() == before
    assert state() == FRESH


def test_the_type_comes_back_when_the_last_of_several_threads_is_done() -> None:
    first_is_in, second_is_done = threading.Event(), threading.Event()

    def first() -> None:
        with pinned_torch():
            first_is_in.set()
            second_is_done.wait()

    with default_dtype(torch.float64):
        thread = threading.Thread(target=first)
        thread.start()
        first_is_in.wait()
        with pinned_torch():
            assert torch.zeros(1).dtype == torch.float32
        assert torch.zeros(1).dtype == torch.float32  # the other thread still computes
        second_is_done.set()
        thread.join()
        assert torch.zeros(1).dtype == torch.float64


def test_it_costs_nothing_where_nothing_is_set() -> None:
    with pinned_torch():
        assert state() == FRESH
        assert torch.overrides._get_current_function_mode_stack() == []
