"""A person at a terminal, who types what a command asks for."""

from __future__ import annotations

import os
import pty
import select
import sys
import time
from collections.abc import Sequence

from preforget.cli.main import main

from ..forked import live

NEW, AGAIN, OLD = "New passphrase of the keyring: ", "Once more: ", "Passphrase of the keyring: "


def at_a_terminal(
    *args: object, answers: Sequence[tuple[str, str]] = (), passphrase: str | None = None
) -> tuple[int, str]:
    """Run one command in a process with a terminal; `answers`: what is typed after which question."""
    child, master = pty.fork()
    if child == 0:
        os.environ.pop("PREFORGET_PASSPHRASE", None)
        if passphrase is not None:
            os.environ["PREFORGET_PASSPHRASE"] = passphrase
        sys.argv = ["preforget", *map(str, args)]
        live(main, 0, 1, 2)
    seen, left, end = "", list(answers), time.monotonic() + 120
    typed = ""
    try:
        while time.monotonic() < end:
            if not select.select([master], [], [], 1)[0]:
                if typed == "\x03":  # it came just before the process began to wait: Python then waits on
                    os.write(master, typed.encode())
                continue
            try:
                part = os.read(master, 4096)
            except OSError:  # the terminal is closed: the process has ended
                break
            if not part:
                break
            seen += part.decode()
            if left and seen.endswith(left[0][0]):
                typed = left.pop(0)[1]
                os.write(master, typed.encode())
            elif not left and seen.endswith((NEW, AGAIN, OLD)):
                os.write(master, b"\x03")  # a question too many
        else:
            os.kill(child, 9)
    finally:
        os.close(master)
        _, status = os.waitpid(child, 0)
    assert left == [], seen
    return os.waitstatus_to_exitcode(status), seen.replace("\r\n", "\n")
