"""Which classes may be answered now, by which number everybody knows that, and who may change it.

One process answers today, and the model folder is where it and the command line agree: its manifest counts every change
(`generation`, here the epoch), and whoever changes the folder holds its lock. Several workers and hosts will agree by
another `Membership`; nothing else in this package knows how.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from preforget.core.errors import StoreError
from preforget.serve.problems import Problem
from preforget.serve.tokens import Caller, Right
from preforget.store import Manifest
from preforget.store.layout import INTENT
from preforget.store.manifest import NAME

PAUSE = 0.002
"""Seconds between two looks whether whoever changes the folder has ended."""
LONGEST = 1.0
"""Seconds after which answers that leave one after the other make a pause."""
PATIENCE = 120.0
"""Seconds that an answer waits for a change to end."""


@dataclass(frozen=True)
class Standing:
    """The state that an answer was made with: `epoch` counts the changes, `mark` tells equal numbers apart."""

    epoch: int
    mark: str

    @classmethod
    def of(cls, manifest: Manifest) -> Standing:
        """Return the standing that a manifest describes."""
        return cls(manifest.generation, f"{manifest.model}:{manifest.ledger['hash']}")


UNFINISHED = Standing(-1, "an erasure has begun and not ended")
"""No answer was made with this: whoever meets it reads the folder again, which ends the erasure."""


class Membership(Protocol):
    """What everybody who answers for one model must agree on."""

    def standing(self) -> Standing:
        """Return the state that answers must have been made with; raises `StoreError` if nobody can tell."""

    def leaving(self) -> AbstractAsyncContextManager[Standing]:
        """Yield the standing, and let no change begin until the answer has left; an async context manager."""

    def may_forget(self, caller: Caller) -> bool:
        """Tell whether a caller may have something forgotten."""


class FolderMembership:
    """What the model folder says, for one process beside the command line.

    An answer leaves while this process shares the folder's lock, which an erasure holds alone from before its
    announcement until its receipt is written. So whatever left had left before the erasure began, and whatever comes
    later sees another generation and is made anew.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen: tuple[tuple[int, ...], Standing] | None = None
        self._leaving, self._since = 0, 0.0

    def standing(self) -> Standing:
        """Return the folder's standing, read again only if the manifest was replaced; the caller shares the lock."""
        try:
            if (self.folder / INTENT).exists():
                return UNFINISHED
            status = (self.folder / NAME).stat()
        except OSError as error:
            raise StoreError(f"{self.folder} can't be read: {error.strerror or error}") from error
        mark = status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
        if self._seen is None or self._seen[0] != mark:
            self._seen = mark, Standing.of(Manifest.read(self.folder))
        return self._seen[1]

    @asynccontextmanager
    async def leaving(self) -> AsyncIterator[Standing]:
        """Share the folder's lock, see `Membership`.

        Where answers have been leaving for a while without a pause, the next ones wait until all have left, so that
        whoever wants to change the folder comes in.
        """
        while self._leaving and time.monotonic() - self._since > LONGEST:
            await asyncio.sleep(PAUSE)
        try:
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise StoreError(f"{self.folder} can't be read: {error.strerror or error}") from error
        try:
            await _share(descriptor)
            if not self._leaving:
                self._since = time.monotonic()
            self._leaving += 1
            try:
                yield self.standing()
            finally:
                self._leaving -= 1
        finally:
            os.close(descriptor)

    def may_forget(self, caller: Caller) -> bool:
        """Tell whether a caller is an officer; the keyring that this process uses decides the rest."""
        return Right.FORGET in caller.rights


async def _share(descriptor: int) -> None:
    """Take the lock beside others who read, once nobody changes the folder; raises `Problem` after a long time."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise Problem(503, "the model is being changed; ask again", {"Retry-After": "10"}) from None
        await asyncio.sleep(PAUSE)
