"""Claims on pieces of work in a folder that several processes and machines share, without a server.

The claim on a piece is the file `<name>.<generation>`, made with O_EXCL, so that one process alone can have it; it
holds host, process and time. A stale claim is never deleted by others: whoever takes over makes the next generation,
which again one alone can. Whoever gets a claim must look whether the work is done before doing it.
"""

from __future__ import annotations

import glob
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from preforget.core.errors import StoreError
from preforget.core.files import PRIVATE_FILE, make_private

STALE_AFTER = 6 * 3600.0
"""Seconds after which a claim from another host, or of a process that hangs, is taken over."""
UNWRITTEN = 60.0
"""Seconds after which a claim without content is taken over: its process died between making and writing it."""


@dataclass(frozen=True)
class Owner:
    """The owner of a claim; `born`: the process's start in clock ticks where the system tells, since ids are reused.

    Hosts are told apart by name, so machines that share a folder need names of their own.
    """

    host: str
    pid: int
    time: float
    born: int | None = None

    @classmethod
    def me(cls) -> Owner:
        """Return this process, now."""
        return cls(socket.gethostname(), os.getpid(), time.time(), born(os.getpid()))


@contextmanager
def claim(folder: Path, name: str, stale_after: float = STALE_AFTER) -> Iterator[bool]:
    """Give whether the piece `name` is ours inside the `with` block; `stale_after` in seconds.

    Raises `StoreError` if `folder` can't be written or a claim in it can't be read.

    Leaving the block gives the claim back, and with it every older one if all went well: then the work is done. After
    an error only our own goes, so that nobody can mistake an older generation for a free one.
    """
    path = _next(folder, name, stale_after)
    if path is None:
        yield False
        return
    done = False
    try:
        yield True
        done = True
    finally:
        generations = _generations(folder, name) if done else {}
        # ours goes last, so that there is no moment in which an older one seems to hold
        older = [generations[number] for number in sorted(generations) if number < _number(path, name)]
        for file in [*older, path]:
            file.unlink(missing_ok=True)


def is_claimed(folder: Path, name: str, stale_after: float = STALE_AFTER) -> bool:
    """Tell whether someone has a claim that is not stale; raises `StoreError` for one that can't be read."""
    generations = _generations(folder, name)
    return bool(generations) and not _is_stale(generations[max(generations)], stale_after)


def born(pid: int) -> int | None:
    """Return when a process began, in clock ticks since boot; None where the system doesn't tell or it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = text.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])


def is_gone(owner: Owner) -> bool:
    """Tell whether an owner on this host has ended; owners on other hosts can't be checked and count as running."""
    if owner.host != socket.gethostname() or sys.platform == "win32":  # where the signal 0 is Ctrl-C
        return False
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it is there, and somebody else's
    return owner.born is not None and born(owner.pid) != owner.born


def _next(folder: Path, name: str, stale_after: float) -> Path | None:
    """Make and return our claim file, None if somebody else's claim is valid."""
    generations = _generations(folder, name)
    if generations and not _is_stale(generations[max(generations)], stale_after):
        return None
    path = folder / f"{name}.{max(generations, default=-1) + 1}"
    try:
        make_private(folder)
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE)
        except FileExistsError:
            return None
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(asdict(Owner.me())).encode())
    except OSError as error:
        raise StoreError(
            f"{folder} can't be written: {error.strerror or error}; make room there or give another folder"
        ) from error
    return path


def _generations(folder: Path, name: str) -> dict[int, Path]:
    generations = {}
    for path in folder.glob(f"{glob.escape(name)}.*"):
        if path.name.removeprefix(f"{name}.").isdecimal():
            generations[_number(path, name)] = path
    return generations


def _number(path: Path, name: str) -> int:
    return int(path.name.removeprefix(f"{name}."))


def _is_stale(path: Path, stale_after: float) -> bool:
    try:
        content, made = path.read_bytes(), path.stat().st_mtime
    except FileNotFoundError:
        return False  # given back just now; the next look finds it free
    except OSError as error:
        raise StoreError(
            f"the claim {path} can't be read: {error.strerror or error}; whoever shares the folder must be able to"
        ) from error
    try:
        owner = Owner(**json.loads(content))
    except (ValueError, TypeError):
        return time.time() - made > UNWRITTEN
    return is_gone(owner) or time.time() - owner.time > stale_after
