"""One guard around every public method: who may run beside whom, and what torch is set to meanwhile.

Any number of threads may ask a model at once. Who changes it is alone, so that every answer is one of before or after
the change. While more is learned the model goes on answering; only what takes it over is alone.

Locks are taken by `with` on locks of the interpreter, which gives them back whatever is raised at whatever point.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from preforget.backbones.pinned import pinned_torch

P = ParamSpec("P")
R = TypeVar("R")


class Turns:
    """The locks of one model.

    `changing`: held by whoever changes the model, also while it learns what to change; `gate`: held while it changes,
    and for a moment by whoever begins to read. `inside`: a lock for each call that is under way, held as long as it
    is and waited for by changes; its thread, and a lock that this thread alone takes, for as long. An entry whose locks
    are free is left from a call that was interrupted at its very end, and counts for nothing.
    """

    def __init__(self) -> None:
        self.changing = threading.RLock()
        self.gate = threading.RLock()
        self.inside: dict[threading.Lock, tuple[int, threading.Lock]] = {}

    def is_inside(self) -> bool:
        """Tell whether this thread is in a call of the same model already."""
        this = threading.get_ident()
        return any(thread == this and held.locked() for thread, held in [*self.inside.values()])

    def drop_left(self) -> None:
        """Drop the entries of calls that have ended."""
        for lock in [*self.inside]:
            if not lock.locked():
                self.inside.pop(lock, None)

    def wait_for_others(self) -> None:
        """Wait until the calls of other threads that are under way have ended; the caller holds the gate."""
        this = threading.get_ident()
        for lock, (thread, _) in [*self.inside.items()]:
            if thread != this:
                with lock:
                    pass


class Guarded(Protocol):
    """What is asked of a model here."""

    @property
    def _turns(self) -> Turns: ...

    def _end_begun(self, *, strict: bool) -> None: ...


G = TypeVar("G", bound=Guarded)
Method = Callable[Concatenate[G, P], R]


def reads(method: Method[G, P, R]) -> Method[G, P, R]:
    """Guard a method that leaves the model as it is: it runs beside others of its kind, and not beside a change."""

    @functools.wraps(method)
    def guarded(self: G, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if self._turns.is_inside():
            return method(self, *args, **kwargs)
        with pinned_torch():
            return _enter(self, False, method, *args, **kwargs)

    return guarded


def learns(method: Method[G, P, R]) -> Method[G, P, R]:
    """Guard a method that learns first, while others read, and then changes the model with the gate held."""

    @functools.wraps(method)
    def guarded(self: G, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if self._turns.is_inside():
            return method(self, *args, **kwargs)
        with pinned_torch(), self._turns.changing:
            return _enter(self, True, method, *args, **kwargs)

    return guarded


def changes(method: Method[G, P, R]) -> Method[G, P, R]:
    """Guard a method that changes the model: nothing else runs beside it."""

    @functools.wraps(method)
    def guarded(self: G, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if self._turns.is_inside():
            return method(self, *args, **kwargs)
        with pinned_torch(), self._turns.changing, self._turns.gate:
            self._turns.wait_for_others()
            return _enter(self, True, method, *args, **kwargs)

    return guarded


def _enter(model: Any, strict: bool, method: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    """Call a method once a change that was cut off is ended; `strict`: or raise why it can't be ended."""
    turns, under_way, held = model._turns, threading.Lock(), threading.Lock()
    with under_way, held:
        with turns.gate:
            model._end_begun(strict=strict)
            turns.drop_left()
            turns.inside[under_way] = threading.get_ident(), held
        try:
            return method(model, *args, **kwargs)
        finally:
            turns.inside.pop(under_way, None)
