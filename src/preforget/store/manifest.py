"""`preforget.json`: what a model folder holds, without a single label."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from preforget.core.errors import StoreError
from preforget.core.files import write_atomic

FORMAT = 1
NAME = "preforget.json"


@dataclass(frozen=True)
class Manifest:
    """Format version, engine and its options, backbone, preprocessing, and the records by id.

    `records` maps the id of each live record to the digest of its file; `detached` are those left out of scoring;
    `erasing` are records whose erasure began: they are not live, and their files go before anything else happens.
    `generation` counts the changes of the folder.
    """

    engine: str
    guarantee: str
    options: dict[str, Any]
    backbone: dict[str, Any]
    keep: float
    records: dict[str, str] = field(default_factory=dict)
    detached: list[str] = field(default_factory=list)
    erasing: list[str] = field(default_factory=list)
    shared: str | None = None
    generation: int = 1
    version: str = ""
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """Replace the manifest of a folder as a whole."""
        text = json.dumps(asdict(self), indent=2, sort_keys=True, allow_nan=False)
        write_atomic(folder / NAME, text.encode() + b"\n")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read and check the manifest of a folder; raises `StoreError`."""
        path = folder / NAME
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            what = "is not a model folder: it has no preforget.json" if folder.is_dir() else "does not exist"
            raise StoreError(
                f"{folder} {what}; make a model with: preforget learn DATA --out MODEL"
            ) from None
        except (ValueError, RecursionError, OSError) as error:
            raise StoreError(f"{path} can't be read: {error}") from None
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            found = values.get("format") if isinstance(values, dict) else None
            raise StoreError(f"{path} has format {found!r}, this version of preforget reads format {FORMAT}")
        return cls(**_checked(values, path))


_Types = dict[str, type | tuple[type, ...]]

_TYPES: _Types = {
    "engine": str,
    "guarantee": str,
    "options": dict,
    "backbone": dict,
    "keep": float,
    "records": dict,
    "detached": list,
    "erasing": list,
    "shared": (str, type(None)),
    "generation": int,
    "version": str,
    "format": int,
}
_BACKBONE: _Types = {
    "id": str,
    "revision": (str, type(None)),
    "architecture": str,
    "digest": str,
    "image_size": int,
    "mean": list,
    "std": list,
    "dtype": str,
}


def _checked(values: dict[str, Any], path: Path) -> dict[str, Any]:
    _check_types(values, _TYPES, path)
    _check_types(values["backbone"], _BACKBONE, path)
    records, detached, erasing = values["records"], values["detached"], values["erasing"]
    ids = [*records, *detached, *erasing]
    if not all(isinstance(i, str) and len(i) == 32 and set(i) <= set("0123456789abcdef") for i in ids):
        raise StoreError(f"{path} is damaged: a record id is not 32 hex digits")
    if not set(detached) <= set(records) or set(erasing) & set(records):
        raise StoreError(f"{path} is damaged: a record is both live and not")
    return values


def _check_types(values: dict[str, Any], types: _Types, path: Path) -> None:
    if set(values) != set(types):
        odd = sorted(set(values) ^ set(types))
        raise StoreError(f"{path} is damaged: missing or unknown entries {odd}")
    for name, kind in types.items():
        if isinstance(values[name], bool) or not isinstance(values[name], kind):
            raise StoreError(f"{path} is damaged: {name} has the wrong type")
