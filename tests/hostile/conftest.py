"""A child process in which hostile files are opened, with limits, and with witnesses of whatever it does outside."""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from preforget.core.errors import PreforgetError

SECONDS = 5.0
"""Time that one case may compute; how long a busy machine keeps it waiting doesn't count."""
WAITING = 60.0
"""Seconds after which a case that waits is a fault."""
STUCK = 90.0
"""Seconds after which a case that no signal can end is killed."""
MEMORY = 3 * 2**29
"""Bytes that all cases together may have beyond what the process has at its start."""

Case = tuple[str, str, Callable[[], object]]
"""Kind, name, and what opens the hostile file; who yields a case puts things right when asked for the next."""

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {
    **dict.fromkeys(("os.remove", "os.rmdir"), ((0, 1),)),
    **dict.fromkeys(("os.mkdir", "os.chmod"), ((0, 2),)),
    **{
        "os.rename": ((0, 2), (1, 3)),
        "os.link": ((1, 3),),
        "os.symlink": ((1, 2),),
        "os.truncate": ((0, None),),
    },
    **{"os.utime": ((0, 3),), "os.chown": ((0, 3),), "os.setxattr": ((0, None),)},
}
"""Events of the audit hook: which arguments are the paths that are changed, and which their folder's descriptor."""
NEVER = frozenset(
    {
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.fork",
        "os.forkpty",
        "subprocess.Popen",
        "pickle.find_class",
    }
    | {"socket.connect", "socket.bind", "os.mkfifo", "os.kill"}
)


class TooSlow(BaseException):
    """A case computed longer than `SECONDS` or waited longer than `WAITING`.

    It is no `Exception`, so that nobody takes it for an error of a file.
    """


@dataclass
class Report:
    """Cases per kind, how many of each ended with which of our errors or well, and what must not happen."""

    counts: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def check(self, least: int) -> None:
        """Fail if something happened that must not, or if there were fewer cases than `least`."""
        print(dict(self.counts), dict(self.ends))
        assert not self.problems, "\n".join(self.problems)
        assert sum(self.counts.values()) >= least


@dataclass
class Range:
    """`work` and `keyring`: the only places that cases may change; `canary` lies beside them."""

    work: Path
    canary: Path
    keyring: Path

    def attack(self, cases: Iterable[Case]) -> Report:
        """Run the cases in a child of this process and return what became of them."""
        report, progress = self.canary.parent / "report.json", self.canary.parent / "progress"
        progress.write_bytes(b"nothing yet")
        before = _seen(self.canary, contents=True)
        child = os.fork()
        if child == 0:
            _live(self, cases, report, progress)
        how = _wait(child, progress)
        if how != 0:
            what = f"the process ended with {how} in: {progress.read_text(errors='replace')}"
            return Report(problems=[what])
        counts, ends, problems = json.loads(report.read_text())
        if _seen(self.canary, contents=True) != before:
            problems.append("the canary is not what it was")
        return Report(Counter(counts), Counter(ends), problems)


@pytest.fixture
def firing_range(monkeypatch: pytest.MonkeyPatch) -> Iterator[Range]:
    """A place for hostile files and, beside it, one that must not change; in memory where that is possible."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("memory and open files can't be watched here")
    memory = Path("/dev/shm")
    top = tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None)
    try:
        found = Range(Path(top) / "work", Path(top) / "canary", Path(top) / "keyring")
        monkeypatch.setenv("PREFORGET_KEYRING", str(found.keyring))  # cases damage it: never the run's own
        found.work.mkdir()
        (found.canary / "records").mkdir(parents=True)
        for name in (
            "victim",
            "victim.json",
            "victim.safetensors",
            "victim.sealed",
            "victim.png",
            ".writing-a",
        ):
            for folder in (found.canary, found.canary / "records"):
                (folder / name).write_bytes(b"canary " + name.encode() * 20)
        for name in ("0" * 32, "f" * 32):
            (found.canary / "records" / f"{name}.safetensors").write_bytes(b"canary")
        yield found
    finally:
        subprocess.run(["rm", "-rf", top], check=True)  # also what is nested too deeply for Python


def _live(range_: Range, cases: Iterable[Case], report: Path, progress: Path) -> None:
    """Do what the child does, and end it."""
    code = 1
    try:
        faulthandler.enable()
        sys.dont_write_bytecode = True
        warnings.simplefilter("ignore")  # as users have it, most of the time
        os.chdir(range_.work)
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGPROF, _too_slow)
        signal.signal(signal.SIGALRM, _waits)
        report.write_text(json.dumps(_run(range_, cases, progress)))
        code = 0
    except BaseException:  # noqa: BLE001 (the parent must not go on in here)
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _run(range_: Range, cases: Iterable[Case], progress: Path) -> tuple[Any, Any, list[str]]:
    counts: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    problems: dict[str, list[str]] = {}
    witness = _Witness(range_)
    canary = _seen(range_.canary)
    with progress.open("r+b", buffering=0) as told:
        for kind, name, do in cases:
            os.pwrite(told.fileno(), f"{kind}: {name}"[:200].encode(errors="replace").ljust(800), 0)
            counts[kind] += 1
            found = witness.watch(do)
            if (now := _seen(range_.canary)) != canary:
                found, canary = [*found, "changed the canary"], now
            for problem in found:
                problems.setdefault(f"{kind}: {problem}", []).append(f"{name[:200]}{witness.said}")
            ends[witness.end] += 1
    return (
        counts,
        ends,
        [f"{key}, {len(names)} times, first in\n    {names[0]}" for key, names in problems.items()],
    )


class _Witness:
    """Runs a case under a time limit while an audit hook takes down what it does outside of its place."""

    def __init__(self, range_: Range) -> None:
        self.end = self.said = ""
        self._inside = tuple(os.path.realpath(p) for p in (range_.work, range_.keyring))
        self._canary = os.path.realpath(range_.canary)
        self._armed = False
        self._found: list[str] = []
        sys.addaudithook(self._hook)

    def watch(self, do: Callable[[], object]) -> list[str]:
        """Return what a case did that it must not."""
        self._found, self.said = [], ""
        try:
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            signal.setitimer(signal.ITIMER_REAL, WAITING)
            self._armed = True
            do()
            self.end = "well"
        except PreforgetError as error:
            self.end = type(error).__name__
        except BaseException as error:  # noqa: BLE001 (whatever it is, it is found out)
            self.end = "foreign"
            last = traceback.extract_tb(error.__traceback__)
            own = next((f for f in reversed(last) if "preforget" in f.filename), last[-1])
            where = f"{Path(own.filename).name}:{own.lineno} in {own.name}"
            self.said = f" ({str(error)[:120]!r})"
            self._found.append(f"{type(error).__name__} at {where}")
        finally:
            self._armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.setitimer(signal.ITIMER_PROF, 0)
        return self._found

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._armed:
            return
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, int):
                return
            real = os.path.realpath(os.fsdecode(path))
            if (flags or 0) & WRITES and not self._is_inside(real) and real != os.devnull:
                self._found.append(f"opened {self._short(real)} to write")
            elif real.startswith(self._canary):
                self._found.append(f"read {self._short(real)}")
        elif event in CHANGES:
            for place, folder in CHANGES[event]:
                self._changed(event, arguments[place], -1 if folder is None else arguments[folder])
        elif event in NEVER:
            self._found.append(f"{event} {str(arguments)[:80]}")

    def _changed(self, event: str, path: Any, folder: int) -> None:
        if isinstance(path, int):
            return
        base = Path() if folder == -1 else Path(f"/proc/self/fd/{folder}").readlink()
        whole = os.path.join(base.absolute(), os.fsdecode(path))  # noqa: PTH118 (a Path would hide what is at its end)
        head, tail = os.path.split(whole.rstrip("/"))
        real = os.path.join(os.path.realpath(head), tail)  # noqa: PTH118
        if not self._is_inside(real):
            self._found.append(f"{event} of {self._short(real)}")

    def _is_inside(self, real: str) -> bool:
        return any(real == place or real.startswith(place + os.sep) for place in self._inside)

    def _short(self, real: str) -> str:
        return real.replace(self._canary, "CANARY")[:100]


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlow(f"computes longer than {SECONDS:g} s")


def _waits(number: int, frame: FrameType | None) -> None:
    raise TooSlow(f"waits longer than {WAITING:g} s")


def _wait(child: int, progress: Path) -> int:
    """Return how the child ended; kill it when it doesn't get on."""
    last, since = b"", time.monotonic()
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if (told := progress.read_bytes()) != last:
            last, since = told, time.monotonic()
        elif time.monotonic() - since > STUCK:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.05)


def _seen(folder: Path, contents: bool = False) -> dict[str, object]:
    """Return what lies below a folder, by what would change if it were touched."""
    found: dict[str, object] = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(place, name)  # noqa: PTH118 (it is done once per case)
            status = os.lstat(path)
            found[path] = status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns
            if contents and name in files:
                found[path] = found[path], Path(path).read_bytes()
    return found
