"""Digests of a checkpoint's files: compared before anything in them is interpreted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from preforget.backbones.checkpoint import WEIGHTS, find_file
from preforget.core.errors import BackboneError
from preforget.core.paths import shortened

SETTINGS = ("config.json", "preprocessor_config.json")
TORCH_WEIGHTS = "pytorch_model.bin"
LISTS = (f"{WEIGHTS}.index.json", f"{TORCH_WEIGHTS}.index.json")
SOUGHT = (WEIGHTS, LISTS[0], TORCH_WEIGHTS, LISTS[1])
"""Files of weights, or lists of them, in order of preference: the first that exists is read."""


def file_digests(source: str, revision: str | None, more: Sequence[str] = ()) -> dict[str, str]:
    """Return the `sha256:<hex>` of every file of a checkpoint that is read, by name; `source`: a folder or hub id.

    `more`: names of files that are read beside settings and weights, where they are there.
    Raises `BackboneError` for a file that can't be read.
    """
    paths = {name: find_file(source, name, revision) for name in (*SETTINGS, *more)}
    first = next((name for name in SOUGHT if find_file(source, name, revision) is not None), None)
    if first is not None:
        paths[first] = find_file(source, first, revision)
    if first in LISTS:
        listed = _listed(paths[str(first)], source)
        paths |= {name: find_file(source, name, revision) for name in listed}
    return {name: _digest(path, source) for name, path in sorted(paths.items()) if path is not None}


def check_files(source: str, revision: str | None, known: Mapping[str, str]) -> None:
    """Raise `BackboneError` unless a checkpoint's files are the `known` ones and no other would be read instead."""
    for name in SOUGHT:
        if name in known:
            break
        if find_file(source, name, revision) is not None:
            raise _another(source, f"{name} was added after the model was learned")
    for name, digest in sorted(known.items()):
        path = find_file(source, name, revision)
        if path is None or _digest(path, source) != digest:
            raise _another(source, f"{name} {'is missing' if path is None else 'differs'}")
    for name in SETTINGS:
        if name not in known and find_file(source, name, revision) is not None:
            raise _another(source, f"{name} was added after the model was learned")


def _listed(path: Path | None, source: str) -> list[str]:
    try:
        names = json.loads(Path(str(path)).read_text(encoding="utf-8"))["weight_map"].values()
        return sorted({Path(name).name for name in names})
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise BackboneError(f"the list of weights of {source!r} is damaged: {error}") from None


def _digest(path: Path, source: str) -> str:
    try:
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise BackboneError(f"{path.name} of {source!r} can't be read: {error.strerror or error}") from None


def _another(source: str, what: str) -> BackboneError:
    return BackboneError(
        f"{shortened(source)!r} is not the backbone that the model was learned on: {what}. None of its files was used; "
        "give the right one with backbone= or --backbone"
    )
