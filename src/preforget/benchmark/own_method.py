"""A user's own method of unlearning: one Python file, named by a matrix, that registers a class in `METHODS`."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

from preforget.baselines import METHODS
from preforget.core.errors import UsageError
from preforget.core.files import read_regular
from preforget.core.hashing import bytes_digest

MAX_BYTES = 2**24
"""The largest file that is read as a method."""
_MODULES: dict[str, ModuleType] = {}
"""Files that were run in this process, by digest."""


def load_method(name: str, file: Path, digest: str | None = None) -> str:
    """Run a file, once in each process, so that `METHODS` has `name`, and return the digest of its bytes.

    `digest`: the digest that the file must have. Raises `UsageError` for a file that can't be read, fails, has changed,
    or doesn't register the method.
    """
    try:
        code = read_regular(file, MAX_BYTES, follow=True)
    except OSError as error:
        raise UsageError(
            f"{file} can't be read: {error.strerror or error}; name the file of the method {name!r}"
        ) from error
    current = bytes_digest(code)
    if digest not in (None, current):
        raise UsageError(f"{file} has changed since the benchmark began; start the command again")
    if current not in _MODULES:
        _MODULES[current] = _run(code, file, f"preforget_own_method_{current[-16:]}")
    if name not in METHODS or METHODS[name].__module__ != _MODULES[current].__name__:
        raise UsageError(
            f"{file} registers no method {name!r}; write @METHODS.register({name!r}) above its class"
        )
    return current


def _run(code: bytes, file: Path, name: str) -> ModuleType:
    module = ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module  # dataclasses look up their module
    try:
        exec(compile(code, str(file), "exec"), module.__dict__)
    except Exception as error:
        del sys.modules[name]
        raise UsageError(f"{file} can't be used: {type(error).__name__}: {error}") from error
    return module
