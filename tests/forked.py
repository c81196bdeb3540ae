"""A child of this process that does one thing: unlike a fresh interpreter it has imported everything already."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import tempfile
import textwrap
import time
import traceback
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

PATIENCE = 240.0
"""Seconds after which a child that doesn't end is killed."""


class Forked:
    """Calls `do` in a child, whose exit code is what that returns, 0 for `None`, 1 for an error."""

    def __init__(self, do: Callable[[], int | None]) -> None:
        with (
            tempfile.NamedTemporaryFile(delete=False) as out,
            tempfile.NamedTemporaryFile(delete=False) as err,
        ):
            self._out, self._err = Path(out.name), Path(err.name)
            self._code: int | None = None
            sys.stdout.flush()
            sys.stderr.flush()
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", DeprecationWarning
                )  # threads of the test runner do no harm in it
                self.pid = os.fork()
            if self.pid == 0:
                nothing = os.open(os.devnull, os.O_RDONLY)
                os.setsid()  # without a terminal
                live(do, nothing, out.fileno(), err.fileno())

    def poll(self) -> int | None:
        """Return the exit code, minus the signal that ended it, or None while it runs."""
        if self._code is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def send(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait for its end and return the exit code."""
        begun = time.monotonic()
        while (code := self.poll()) is None:
            if time.monotonic() - begun > PATIENCE:
                self.end_with_stacks()
            time.sleep(0.005)
        return code

    def end_with_stacks(self) -> None:
        """End one that waits for ever; where each of its threads stood is written to its stderr."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGUSR1)
            time.sleep(1)
            os.kill(self.pid, signal.SIGKILL)

    def said(self) -> tuple[str, str]:
        """Wait for its end and return what it wrote to stdout and stderr."""
        self.wait()
        texts = self._out.read_text(), self._err.read_text()
        self._out.unlink()
        self._err.unlink()
        return texts


def at_once(*tasks: Callable[[], None]) -> list[str]:
    """Run each in a child, all of which begin at the same moment, and return what each prints."""
    gate, opened = os.pipe()

    def begin(task: Callable[[], None]) -> None:
        os.close(opened)
        os.read(gate, 1)  # until nobody holds the other end
        task()

    children = [Forked(lambda task=task: begin(task)) for task in tasks]  # type: ignore[misc]
    os.close(opened)
    os.close(gate)
    assert [child.wait() for child in children] == [0] * len(children)
    return [child.said()[0] for child in children]


def program(code: str, *arguments: object, paths: Iterable[object] = ()) -> str:
    """Run Python code as `python -c` does, with `paths` to import from, and return what it prints without the last
    line's end.

    It runs in a child that has imported other packages, which takes seconds, but nothing of preforget: tables of
    extensions are as in a new process.
    """

    def run() -> int:
        for name in [name for name in sys.modules if name.partition(".")[0] == "preforget"]:
            del sys.modules[name]
        sys.path[:0] = map(str, paths)
        sys.argv = ["-c", *map(str, arguments)]
        warnings.resetwarnings()
        warnings.simplefilter("default")
        try:
            exec(compile(textwrap.dedent(code), "<program>", "exec"), {"__name__": "__main__"})
        except SystemExit as ending:
            return int(ending.code or 0)
        return 0

    child = Forked(run)
    ended, (out, err) = child.wait(), child.said()
    assert ended == 0, err
    return out.strip()


def live(do: Callable[[], int | None], *streams: int) -> NoReturn:
    """Be a child: do this with these files as stdin, stdout and stderr, and end."""
    code = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        # a background job of a shell ignores Ctrl-C, and hands that down to the tests and from them to here
        signal.signal(signal.SIGINT, signal.default_int_handler)
        faulthandler.register(signal.SIGUSR1, 2)
        code = do() or 0
    except BaseException:  # noqa: BLE001 (a child must not go on as a second test run)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
