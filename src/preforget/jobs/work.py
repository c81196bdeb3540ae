"""The folder of an unfinished audit: results by digest, so that an interrupted audit continues where it stopped."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from preforget.core.errors import IntegrityError, StoreError
from preforget.core.files import write_atomic
from preforget.core.hashing import value_digest

T = TypeVar("T")


class Work:
    """Results (`put`, `get`), arrays and model folders, each by what it is the result of, as plain values.

    The models know what is to be forgotten, so the folder is to be deleted when the audit is done.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            for part in ("results", "arrays", "models", "checkpoints"):
                (folder / part).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{folder} can't be written: {error.strerror or error}") from error

    @property
    def keyring(self) -> Path:
        """A keyring for these models alone, so that the user's keyring isn't filled with temporary keys."""
        return self.folder / "keyring"

    def get(self, *what: Any) -> Any:
        """Return a result, or None if it isn't there; raises `IntegrityError` for one that can't be read."""
        path = self._result(what)
        try:
            return json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise IntegrityError(f"{path} is damaged; delete it and repeat the command") from error

    def put(self, value: Any, *what: Any) -> None:
        """Write a result, whole or not at all; it must be plain values."""
        self._write(self._result(what), json.dumps(value, allow_nan=False).encode())

    def once(self, make: Callable[[], T], *what: Any) -> T:
        """Return the result that is there, or make it and write it."""
        found: T | None = self.get(*what)
        if found is None:
            found = make()
            self.put(found, *what)
        return found

    def put_arrays(self, arrays: dict[str, npt.NDArray[Any]], *what: Any) -> None:
        """Write arrays of numbers by name, whole or not at all."""
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        self._write(self._array(what), buffer.getvalue())

    def get_arrays(self, *what: Any) -> dict[str, npt.NDArray[Any]] | None:
        """Return arrays by name, None if they aren't there."""
        path = self._array(what)
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as found:
            return dict(found)

    def model(self, *what: Any) -> Path:
        """Return the path of a model's folder, whether it exists yet or not."""
        return self.folder / "models" / _name(what)

    def checkpoint(self, *what: Any) -> Path:
        """Return the path of a training run's checkpoint."""
        return self.folder / "checkpoints" / f"{_name(what)}.safetensors"

    def remove(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.folder)

    def _write(self, path: Path, content: bytes) -> None:
        try:
            write_atomic(path, content)
        except OSError as error:
            raise StoreError(f"{self.folder} can't be written: {error.strerror or error}") from error

    def _result(self, what: tuple[Any, ...]) -> Path:
        return self.folder / "results" / f"{_name(what)}.json"

    def _array(self, what: tuple[Any, ...]) -> Path:
        return self.folder / "arrays" / f"{_name(what)}.npz"


def _name(what: tuple[Any, ...]) -> str:
    return value_digest(list(what)).removeprefix("sha256:")[:32]
