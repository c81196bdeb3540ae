"""Settings of torch that a surrounding program may have changed, at torch's defaults while this library computes.

Torch keeps per thread whether gradients are recorded, inference mode, autocast and the default device, and per process
the default type of numbers. Each of them could change what is learned or answered, or stop it half way.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")

AUTOCAST = ("cpu", "cuda", "mps")
"""Kinds of devices with autocast, among those that models run on."""
OWN_TYPE = torch.float32
OWN_DEVICE = torch.device("cpu")


@contextmanager
def pinned_torch() -> Iterator[None]:
    """Record gradients, without inference mode and autocast, with the default type and device of a fresh torch.

    >>> with torch.inference_mode(), pinned_torch():
    ...     torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    (True, False)
    """
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        if not torch.is_grad_enabled():
            stack.enter_context(torch.enable_grad())
        for device in AUTOCAST:
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.get_default_device() != OWN_DEVICE:
            stack.enter_context(OWN_DEVICE)
        stack.enter_context(_DEFAULT_TYPE.pinned())
        yield


def pinned(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function compute as `pinned_torch` says, whatever its caller has set."""

    @functools.wraps(function)
    def as_pinned(*args: P.args, **kwargs: P.kwargs) -> R:
        with pinned_torch():
            return function(*args, **kwargs)

    return as_pinned


class _DefaultType:
    """The default type of numbers, shared by all threads: set by the first that needs it, restored by the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before = OWN_TYPE

    @contextmanager
    def pinned(self) -> Iterator[None]:
        with self._lock:
            another = torch.get_default_dtype() != OWN_TYPE
            uses = another or self._users > 0
            if another:
                self._before = torch.get_default_dtype()
                torch.set_default_dtype(OWN_TYPE)
            self._users += uses
        try:
            yield
        finally:
            with self._lock:
                self._users -= uses
                if uses and self._users == 0:
                    torch.set_default_dtype(self._before)


_DEFAULT_TYPE = _DefaultType()
