"""Kill a real process right before its n-th system call that changes something, by ptrace (Linux on x86-64)."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
import traceback
from collections.abc import Callable

CAN_TRACE = sys.platform == "linux" and platform.machine() == "x86_64"

TRACEME, SYSCALL, GETREGS, SETOPTIONS = 0, 24, 12, 0x4200
SYSGOOD, EXITKILL = 1, 0x100000
ORIG_RAX = 15  # index in user_regs_struct
CALLS = {
    **{1: "write", 18: "pwrite64", 74: "fsync", 75: "fdatasync", 76: "truncate", 77: "ftruncate"},
    **{82: "rename", 83: "mkdir", 84: "rmdir", 87: "unlink", 90: "chmod", 91: "fchmod"},
    **{257: "openat", 258: "mkdirat", 263: "unlinkat", 264: "renameat", 265: "linkat", 316: "renameat2"},
}
"""Calls that write, name, delete or make durable, and `openat`, which may create."""


def run_and_kill(do: Callable[[], object], at: int | None) -> tuple[int, int | None]:
    """Run `do` in a child; kill it before change number `at`; return how many there were and its exit code, or None."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if libc.ptrace(TRACEME, 0, None, None) != 0:
                os._exit(77)
            os.kill(os.getpid(), signal.SIGSTOP)
            do()
            code = 0
        except BaseException:  # noqa: BLE001 - a child of a fork must not go on as a second pytest
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        raise PermissionError("tracing is not allowed here")
    libc.ptrace(SETOPTIONS, child, None, SYSGOOD | EXITKILL)
    registers = (ctypes.c_ulonglong * 27)()
    count, entering, pass_on = 0, True, 0
    while True:
        libc.ptrace(SYSCALL, child, None, pass_on)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            return count, os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        pass_on = 0
        if os.WSTOPSIG(status) != signal.SIGTRAP | 0x80:
            pass_on = os.WSTOPSIG(status)
            continue
        if entering:
            libc.ptrace(GETREGS, child, None, ctypes.byref(registers))
            count += registers[ORIG_RAX] in CALLS
            if count == at:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return count, None
        entering = not entering
