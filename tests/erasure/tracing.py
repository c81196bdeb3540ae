"""Harm a real process at its n-th system call that changes something, by ptrace and seccomp (Linux on x86-64).

It is killed right before the call, or the call isn't made and fails with an error of the system's, as with
`strace -e inject`. Calls of all its threads count; processes that it starts are traced but not counted.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import signal
import struct
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass

CAN_TRACE = sys.platform == "linux" and platform.machine() == "x86_64"

CALLS = {
    **{1: "write", 18: "pwrite64", 20: "writev", 40: "sendfile", 74: "fsync", 75: "fdatasync"},
    **{76: "truncate", 77: "ftruncate", 82: "rename", 83: "mkdir", 84: "rmdir", 86: "link", 87: "unlink"},
    **{
        88: "symlink",
        90: "chmod",
        91: "fchmod",
        257: "openat",
        258: "mkdirat",
        263: "unlinkat",
        264: "renameat",
    },
    **{265: "linkat", 285: "fallocate", 316: "renameat2", 326: "copy_file_range"},
}
"""Calls that write, name, delete or make durable; of `openat` only those that may write or create."""

BY_NUMBER = frozenset({1, 18, 20, 40, 74, 75, 77, 91, 285, 326})
"""Calls whose first argument is the number of an open file; `copy_file_range` has its target in the third."""

PATH_SECOND = frozenset({257, 258, 263, 264, 316})
"""Calls whose first argument is a folder and whose second one is a path."""

ROOM = frozenset({"write", "pwrite64", "writev", "sendfile", "openat", "mkdir", "mkdirat", "link", "linkat"})
"""Calls that a full disk refuses, with `symlink`, `fallocate` and `copy_file_range`; it lets files be renamed."""
ROOM |= {"symlink", "fallocate", "copy_file_range"}

PTRACE = {"TRACEME": 0, "CONT": 7, "GETREGS": 12, "SETREGS": 13, "DETACH": 17, "SETOPTIONS": 0x4200}
OPTIONS = 0x100000 | 0x80 | 0x10 | 0x8 | 0x4 | 0x2
"""Kill what is traced when the tracer ends; stop for the filter; follow threads and processes."""
SECCOMP_STOP = signal.SIGTRAP | 7 << 8
WALL = 0x40000000
RDI, RSI, RDX, RAX, ORIG_RAX = 14, 13, 12, 10, 15  # indices in user_regs_struct

KILL = -1
"""What `decide` answers for a kill; 0 lets the call happen, and a number of `errno` is what it fails with."""


@dataclass(frozen=True)
class Change:
    """One system call that changes something: its name, and the path that it is about, as the process gave it."""

    call: str
    path: str

    @property
    def kind(self) -> str:
        """Return the call and what kind of file it is about: numbers, ids and drawn names replaced."""
        name = "/".join(self.path.removesuffix(" (deleted)").rstrip("/").rsplit("/", 2)[-2:])
        name = re.sub(r"\.writing-\w+", ".writing-*", name)
        name = re.sub(r"[0-9a-f]{16,}", "ID", name)
        return f"{self.call} {re.sub('[0-9]+', 'N', name)}"


def run_and_kill(do: Callable[[], object], at: int | None) -> tuple[int, int | None]:
    """Run `do` in a child; kill it before change number `at`; return how many there were and its exit code, or None."""
    count = 0

    def decide(number: int, change: Change) -> int:
        nonlocal count
        count = number
        return KILL if number == at else 0

    code = run_traced(do, decide)
    return count, code


def changes_of(do: Callable[[], object]) -> tuple[list[Change], int | None]:
    """Run `do` in a child and return all changes that it makes, and its exit code."""
    seen: list[Change] = []

    def decide(number: int, change: Change) -> int:
        seen.append(change)
        return 0

    code = run_traced(do, decide)
    return seen, code


def run_and_fail(
    do: Callable[[], object], at: int, error: int, *, lasting: frozenset[str] | None = None
) -> tuple[bool, int | None]:
    """Run `do` in a child whose change number `at` fails; return whether it came to that, and its exit code.

    `error`: a number of `errno`; `lasting`: the calls that fail from then on as well, none by default.
    """
    failed = False

    def decide(number: int, change: Change) -> int:
        nonlocal failed
        if number == at or (number > at and lasting is not None and change.call in lasting):
            failed = True
            return error
        return 0

    code = run_traced(do, decide)
    return failed, code


def run_traced(do: Callable[[], object], decide: Callable[[int, Change], int]) -> int | None:
    """Run `do` in a child; ask `decide` before each change, by its number from 1; return its exit code, or None.

    Raises `PermissionError` where the system doesn't let processes be traced.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    child = os.fork()
    if child == 0:
        _live(libc, do)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        raise PermissionError("tracing is not allowed here")
    libc.ptrace(PTRACE["SETOPTIONS"], child, None, OPTIONS)
    return _Tracer(libc, child, decide).run()


class _Tracer:
    """Waits for whatever of a child's process group stops, until the child has ended."""

    def __init__(self, libc: ctypes.CDLL, child: int, decide: Callable[[int, Change], int]) -> None:
        self.libc, self.child, self.decide = libc, child, decide
        self.count = 0
        self.registers = (ctypes.c_ulonglong * 27)()
        self.known = {child}

    def run(self) -> int | None:
        """Return the child's exit code, None if it was killed."""
        self._go_on(self.child)
        while True:
            stopped, status = os.waitpid(-self.child, WALL)
            if not os.WIFSTOPPED(status):
                if stopped == self.child:
                    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
                continue
            pass_on = 0
            if status >> 8 == SECCOMP_STOP:
                if self._at_call(stopped) == KILL:
                    self._kill()
                    return None
            elif status >> 16 == 0:
                # the first stop of a new thread or process is not meant for it
                pass_on = os.WSTOPSIG(status) if stopped in self.known else 0
            self.known.add(stopped)
            self._go_on(stopped, pass_on)

    def _go_on(self, thread: int, pass_on: int = 0) -> None:
        self.libc.ptrace(PTRACE["CONT"], thread, None, pass_on)

    def _at_call(self, thread: int) -> int:
        self.libc.ptrace(PTRACE["GETREGS"], thread, None, ctypes.byref(self.registers))
        number = int(self.registers[ORIG_RAX])
        if number == 257 and not self.registers[RDX] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return 0
        if thread != self.child and not os.path.isdir(f"/proc/{self.child}/task/{thread}"):  # noqa: PTH112
            return 0
        path = self._path(number)
        if number in BY_NUMBER and (not path.startswith("/") or self.registers[RDI] in (1, 2)):
            return 0  # a pipe, or what is printed
        self.count += 1
        answer = self.decide(self.count, Change(CALLS[number], path))
        if answer > 0:
            self.registers[ORIG_RAX] = 2**64 - 1  # so the call isn't made, and returns what follows
            self.registers[RAX] = 2**64 - answer
            self.libc.ptrace(PTRACE["SETREGS"], thread, None, ctypes.byref(self.registers))
        return answer

    def _path(self, number: int) -> str:
        if number in BY_NUMBER:
            file = self.registers[RDX if number == 326 else RDI]
            return os.readlink(f"/proc/{self.child}/fd/{file}")  # noqa: PTH115
        address = self.registers[RSI if number in PATH_SECOND else RDI]
        if number == 265:
            address = self.registers[7]  # r10: the new name
        elif number in (86, 88):
            address = self.registers[RSI]
        with open(f"/proc/{self.child}/mem", "rb", buffering=0) as memory:  # noqa: PTH123
            memory.seek(address)
            content = memory.read(4096 - address % 4096) or b""
            if b"\0" not in content:
                content += memory.read(4096) or b""
        return os.fsdecode(content.split(b"\0", 1)[0])

    def _kill(self) -> None:
        os.killpg(self.child, signal.SIGKILL)
        try:
            while True:
                os.waitpid(-self.child, WALL)
        except ChildProcessError:
            pass


def _live(libc: ctypes.CDLL, do: Callable[[], object]) -> None:
    """Be the child: let oneself be traced and filtered, do it, and end."""
    code = 1
    try:
        os.setpgid(0, 0)
        if libc.ptrace(PTRACE["TRACEME"], 0, None, None) != 0:
            os._exit(77)
        program = _filter()
        if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, ctypes.byref(program[0]), 0, 0) != 0:
            os._exit(77)
        os.kill(os.getpid(), signal.SIGSTOP)
        do()
        code = 0
    except BaseException:  # noqa: BLE001 - a child of a fork must not go on as a second pytest
        traceback.print_exc()
    finally:
        os._exit(code)


def _filter() -> tuple[ctypes.Structure, object]:
    """Return a program of the Berkeley packet filter that stops at `CALLS`, and its bytes, which must live as long."""

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]

    numbers = sorted(CALLS)
    steps = [struct.pack("HBBI", 0x20, 0, 0, 0)]  # load the call's number
    for index, number in enumerate(numbers):
        steps.append(struct.pack("HBBI", 0x15, len(numbers) - index, 0, number))
    steps += [struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000), struct.pack("HBBI", 0x06, 0, 0, 0x7FF00000)]
    code = ctypes.create_string_buffer(b"".join(steps))
    return Program(len(steps), ctypes.addressof(code)), code
