"""Raise an exception at one line of many in a forked process, and say what the process found afterwards."""

from __future__ import annotations

import contextlib
import inspect
import os
import random
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import torch

import preforget

SRC = str(Path(preforget.__file__).parent)
SPARED = ("classifier/turns.py", "backbones/pinned.py")
"""Where locks of the interpreter and torch's own state are given back: an interrupt comes between calls there, while
a trace would raise inside the giving back."""
SECONDS = 120
"""A process that takes longer is deadlocked."""


class Cut(KeyboardInterrupt):
    """What is raised."""


class Tracer:
    """Raises `Cut` at line number `at` of this package that is run, or counts the lines."""

    def __init__(self, at: int | None) -> None:
        self.at, self.lines = at, 0

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(SRC) or name.endswith(SPARED):
            return None
        if event == "line" and not _is_with(name, frame.f_lineno):
            self.lines += 1
            if self.lines == self.at:
                sys.settrace(None)
                raise Cut
        return self


_SOURCES: dict[str, list[str]] = {}


def _is_with(name: str, line: int) -> bool:
    """Tell whether a line is a `with`, which is traced again when it ends: a raise there would skip the ending."""
    if name not in _SOURCES:
        _SOURCES[name] = Path(name).read_text(encoding="utf-8").splitlines()
    return _SOURCES[name][line - 1].lstrip().startswith(("with ", "@contextmanager"))


def cut(change: Callable[[], object], at: int | None) -> int:
    """Make a change and raise at line `at`; return how many lines were run, 0 if it was cut off."""
    tracer = Tracer(at)
    sys.settrace(tracer)
    try:
        change()
    except Cut:
        return 0
    finally:
        sys.settrace(None)
    if (
        tracer.lines == at
    ):  # raised where an object was given back, which the interpreter reports and goes on from
        return 0
    return tracer.lines


@contextlib.contextmanager
def before(function: Callable[..., object], act: Callable[[], object]) -> Iterator[None]:
    """Let something happen when a function of this package is first called, as another process or a signal could."""
    code = inspect.unwrap(function).__code__  # type: ignore[attr-defined]

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code is code:
            sys.setprofile(None)
            act()

    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None)


def interrupt(change: Callable[[], object], seconds: float) -> int:
    """Make a change and interrupt it by a signal after some time; return 1, or 0 if it was cut off."""

    def handler(*_: object) -> None:
        raise Cut

    former = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        change()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Cut:
        return 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    return 1


def in_fork(work: Callable[[], int]) -> int:
    """Return what `work` returns in a forked process; fail with its traceback if it raises or never ends."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            signal.alarm(0)
            torch.set_num_threads(1)
            text = str(work())
        except BaseException:  # noqa: BLE001 - the parent process raises it
            text = traceback.format_exc()
        with os.fdopen(writing, "w", encoding="utf-8") as pipe:
            pipe.write(text)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        text = _read(pipe.fileno(), child)
    os.waitpid(child, 0)
    assert text.isdigit(), text or "the process was killed"
    return int(text)


def _read(descriptor: int, child: int) -> str:
    import select

    content = b""
    while True:
        if not select.select([descriptor], [], [], SECONDS)[0]:
            os.kill(child, signal.SIGKILL)
            return "the process waits for ever"
        part = os.read(descriptor, 2**16)
        if not part:
            return content.decode()
        content += part


def drawn(lines: int, count: int, seed: int) -> Sequence[int]:
    """Return `count` line numbers, all of them with PREFORGET_CUT_EVERY=1."""
    every = os.environ.get("PREFORGET_CUT_EVERY")
    if every is not None:
        return range(1, lines + 1, int(every))
    edges = {1, lines - 1, lines}
    return sorted({*edges, *random.Random(seed).sample(range(1, lines + 1), min(count, lines))})
