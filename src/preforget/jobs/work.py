"""The folder of unfinished work: results by digest, so that what was interrupted continues where it stopped."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from preforget.core.errors import IntegrityError, StoreError
from preforget.core.files import make_private, write_atomic
from preforget.core.hashing import value_digest

T = TypeVar("T")

RESULTS = "results"
"""The part of the folder by which it is known."""

PARTS = (RESULTS, "arrays", "checkpoints")


class Lock(Protocol):
    """Encrypts what is written under a name, and decrypts it; None stands for what it can't decrypt."""

    def lock(self, name: str, content: bytes) -> bytes:
        """Return the content encrypted."""

    def unlock(self, name: str, content: bytes) -> bytes | None:
        """Return the content as it was, None if it isn't what was written under that name."""


class Work:
    """Results (`put`, `get`) and arrays, each by what it is the result of, as plain values.

    `lock`: encrypts all files. What it can't decrypt counts as not there, so that it is made anew.
    """

    def __init__(self, folder: Path, lock: Lock | None = None) -> None:
        self.folder = folder
        self._lock = lock
        try:
            for part in PARTS:
                make_private(folder / part)
        except OSError as error:
            raise StoreError(f"{folder} can't be written: {error.strerror or error}") from error

    def get(self, *what: Any) -> Any:
        """Return a result, or None if it isn't there; raises `IntegrityError` for one that can't be read."""
        path = self._result(what)
        content = self._read(path)
        try:
            return None if content is None else json.loads(content)
        except ValueError as error:
            raise _damaged(path) from error

    def put(self, value: Any, *what: Any) -> None:
        """Write a result, whole or not at all; it must be plain values."""
        self._write(self._result(what), json.dumps(value, allow_nan=False).encode())

    def once(self, make: Callable[[], T], *what: Any) -> T:
        """Return the result that is there, or make it and write it."""
        result: T | None = self.get(*what)
        if result is None:
            result = make()
            self.put(result, *what)
        return result

    def put_arrays(self, arrays: dict[str, npt.NDArray[Any]], *what: Any) -> None:
        """Write arrays of numbers by name, whole or not at all."""
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        self._write(self._array(what), buffer.getvalue())

    def get_arrays(self, *what: Any) -> dict[str, npt.NDArray[Any]] | None:
        """Return arrays by name, None if they aren't there; raises `IntegrityError` for a file that can't be read."""
        path = self._array(what)
        content = self._read(path)
        if content is None:
            return None
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                return dict(arrays)
        except (ValueError, EOFError, zipfile.BadZipFile) as error:
            raise _damaged(path) from error

    def checkpoint(self, *what: Any) -> Path:
        """Return the path of a training run's checkpoint, which its owner encrypts."""
        return self.folder / "checkpoints" / f"{_name(what)}.safetensors"

    def clear(self) -> None:
        """Delete all that was written, and keep the folder."""
        self.remove_parts()
        for part in PARTS:
            make_private(self.folder / part)

    def remove_parts(self) -> None:
        """Delete all that was written, and keep what else is in the folder."""
        for part in PARTS:
            shutil.rmtree(self.folder / part)

    def remove(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.folder)

    def _read(self, path: Path) -> bytes | None:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        return content if self._lock is None else self._lock.unlock(path.name, content)

    def _write(self, path: Path, content: bytes) -> None:
        try:
            write_atomic(path, content if self._lock is None else self._lock.lock(path.name, content))
        except OSError as error:
            raise StoreError(f"{self.folder} can't be written: {error.strerror or error}") from error

    def _result(self, what: tuple[Any, ...]) -> Path:
        return self.folder / RESULTS / f"{_name(what)}.json"

    def _array(self, what: tuple[Any, ...]) -> Path:
        return self.folder / "arrays" / f"{_name(what)}.npz"


def _damaged(path: Path) -> IntegrityError:
    return IntegrityError(f"{path} is damaged; delete it and repeat the command")


def _name(what: tuple[Any, ...]) -> str:
    return value_digest(list(what)).removeprefix("sha256:")[:32]
