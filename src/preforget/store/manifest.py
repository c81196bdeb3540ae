"""`preforget.json`: what a model folder holds, without a single label."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from preforget.core.errors import IntegrityError, MissingError, StoreError
from preforget.core.files import ODD, read_regular, write_atomic
from preforget.core.guarantee import Guarantee
from preforget.core.hashing import value_digest
from preforget.records.record import new_record_id
from preforget.store.head import GENESIS

FORMAT = 3
"""The format that is written; a folder of an older one keeps its own until it is upgraded."""
READ = (2, FORMAT)
"""The formats that are read."""
NAME = "preforget.json"
LARGEST = 2**40
"""No folder has changed so often; a number that somebody planted near 2^53 could not be counted on from."""
MAX_BYTES = 64 * 2**20
"""The most bytes of a manifest; a larger file isn't read."""

TEXT = "text"
LABEL_KINDS = frozenset({TEXT, "integer", "boolean", "float"})
"""What kinds of values the names of classes can stand for."""

UNSTATED = frozenset({"ledger", "erasing", "generation"})
"""Entries that are not part of the state that a ledger's row names: they change between rows, or follow from it."""


@dataclass(frozen=True)
class Manifest:
    """Format version, engine and its options, backbone, preprocessing, and the records by id.

    `model`: 32 random hex digits; `sealed`: whether records are encrypted, each with a key of its own; `records` maps
    the id of each live record that has a file to the digest of that, `packs` those of packs, which say themselves what
    they hold; `keeps`: shares to be answered of single classes, by the ids of their records, with which they go;
    `detached` are those left out of scoring; `erasing` are files that an interrupted change may have left, which are
    deleted before anything else happens; `copies`: known copies elsewhere by id; `label_kind`: what the names of
    classes stand for, one of `LABEL_KINDS`; `ledger`: `seq` and `hash` of the last row, and the `digest` of the
    ledger's file. `generation` counts the changes of the folder.
    """

    engine: str
    guarantee: str
    options: dict[str, Any]
    backbone: dict[str, Any]
    keep: float
    keeps: dict[str, float] = field(default_factory=dict)
    records: dict[str, str] = field(default_factory=dict)
    detached: list[str] = field(default_factory=list)
    erasing: list[str] = field(default_factory=list)
    shared: str | None = None
    generation: int = 1
    version: str = ""
    model: str = field(default_factory=new_record_id)
    sealed: bool = False
    copies: dict[str, dict[str, Any]] = field(default_factory=dict)
    packs: dict[str, str] = field(default_factory=dict)
    ledger: dict[str, Any] = field(default_factory=lambda: {"seq": 0, "hash": GENESIS, "digest": ""})
    format: int = FORMAT
    label_kind: str = TEXT

    def state(self) -> str:
        """Return the digest of everything that a ledger's row states about the model."""
        return value_digest({name: value for name, value in self._values().items() if name not in UNSTATED})

    def write(self, folder: Path) -> bytes:
        """Replace the manifest of a folder as a whole; return what was written."""
        content = self.content()
        write_atomic(folder / NAME, content)
        return content

    def content(self) -> bytes:
        """Return the manifest's file."""
        return _text(self._values())

    def _values(self) -> dict[str, Any]:
        values = {
            field.name: getattr(self, field.name) for field in fields(self)
        }  # asdict copies each record
        if not self.packs:  # what is packed, the packs say
            values["keeps"] = {i: share for i, share in self.keeps.items() if i in self.records}
            del values["packs"]
        if not values["keeps"]:  # as in folders of versions that knew one share for all
            del values["keeps"]
        if self.label_kind == TEXT:  # as in folders of versions that knew no other kind
            del values["label_kind"]
        return values

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read and check the manifest of a folder; raises `IntegrityError` for damage, `StoreError`."""
        path = folder / NAME
        try:
            content = read_regular(path, MAX_BYTES)
            values = json.loads(content)
        except (FileNotFoundError, NotADirectoryError):
            remedy = "make a model with: preforget learn DATA --out MODEL"
            if folder.is_dir():
                raise StoreError(
                    f"{folder} is not a model folder: it has no preforget.json; {remedy}"
                ) from None
            raise MissingError(f"{folder} does not exist; {remedy}") from None
        except (ValueError, RecursionError):  # their text would quote the file
            raise IntegrityError(f"{path} is damaged: it is no JSON; restore it from a copy") from None
        except OSError as error:
            kind = IntegrityError if error.errno in ODD else StoreError
            raise kind(f"{path} can't be read: {error.strerror or error}") from None
        if not isinstance(values, dict) or values.get("format") not in READ:
            number = values.get("format") if isinstance(values, dict) else None
            shown = number if isinstance(number, int) else "of another kind"
            raise IntegrityError(
                f"{path} has format {shown}, this version of preforget reads formats {' and '.join(map(str, READ))}"
            )
        checksum = values.pop("checksum", None)
        if not _is_same(values, checksum, content):
            raise IntegrityError(
                f"{path} is damaged or was changed: its checksum differs; restore it from a copy"
            )
        return cls(**_checked({"label_kind": TEXT, "keeps": {}, "packs": {}, **values}, path))


def _text(values: dict[str, Any]) -> bytes:
    """Return the file of a manifest: its entries and a checksum of them, which finds damage but no forgery."""
    values = {**values, "checksum": value_digest(values)}
    # a line per entry: json.dumps with indent is many times slower, and a bank can have thousands of records
    lines = [
        f"  {json.dumps(k)}: {json.dumps(values[k], sort_keys=True, allow_nan=False)}" for k in sorted(values)
    ]
    return b"{\n" + ",\n".join(lines).encode() + b"\n}\n"


def _is_same(values: dict[str, Any], checksum: object, content: bytes) -> bool:
    """Tell whether a file is, byte for byte, what `write` writes for `values`."""
    try:
        return _text(values) == content and value_digest(values) == checksum
    except (ValueError, RecursionError):
        return False


_Types = dict[str, type | tuple[type, ...]]

_TYPES: _Types = {
    "engine": str,
    "guarantee": str,
    "options": dict,
    "backbone": dict,
    "keep": float,
    "keeps": dict,
    "records": dict,
    "detached": list,
    "erasing": list,
    "shared": (str, type(None)),
    "generation": int,
    "version": str,
    "model": str,
    "sealed": bool,
    "copies": dict,
    "packs": dict,
    "ledger": dict,
    "format": int,
    "label_kind": str,
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
_LEDGER: _Types = {"seq": int, "hash": str, "digest": str}
_COPY: _Types = {
    "kind": str,
    "place": str,
    "time": str,
    "expires": (str, type(None)),
    "sealed": bool,
    "delete": bool,
}
_ID = re.compile("[0-9a-f]{32}")
_FILE = re.compile(r"records/[0-9a-f]{32}\.(safetensors|sealed)|packs/[0-9a-f]{32}\.pack")


def _checked(values: dict[str, Any], path: Path) -> dict[str, Any]:
    _check_types(values, _TYPES, path)
    files = values["backbone"].get(
        "files"
    )  # folders of older versions don't know them, nor how pictures are read
    optional: _Types = {"files": dict, "steps": dict, "checked": (int, float), "probe": list, "licence": str}
    added = {name: kind for name, kind in optional.items() if values["backbone"].get(name) is not None}
    _check_types(values["backbone"], {**_BACKBONE, **added}, path)
    if files is not None and not all(isinstance(text, str) for item in files.items() for text in item):
        raise IntegrityError(f"{path} is damaged: a digest of the backbone's files is no text")
    _check_types(values["ledger"], _LEDGER, path)
    for copy in values["copies"].values():
        if not isinstance(copy, dict):
            raise IntegrityError(f"{path} is damaged: a copy is no object")
        # only of a copy whose files have a key of their own
        _check_types(copy, {**_COPY, "key": str} if "key" in copy else _COPY, path)
    numbers = [values["generation"], values["ledger"]["seq"]]
    if not all(0 <= number < LARGEST for number in numbers):  # else no later one would fit into a receipt
        raise IntegrityError(f"{path} is damaged: a number is out of range")
    if values["guarantee"] not in {guarantee.value for guarantee in Guarantee}:
        raise IntegrityError(f"{path} is damaged: its guarantee is unknown to this version of preforget")
    if values["label_kind"] not in LABEL_KINDS:
        raise IntegrityError(
            f"{path} is damaged: its labels are of a kind unknown to this version of preforget"
        )
    records, detached, erasing = values["records"], values["detached"], values["erasing"]
    packs = values["packs"]
    ids = [*records, *packs, *detached, *values["keeps"], *values["copies"], values["model"]]
    if not all(isinstance(i, str) and _ID.fullmatch(i) for i in ids):
        raise IntegrityError(f"{path} is damaged: an id is not 32 hex digits")
    if not all(
        isinstance(share, float) and 0 < share < 1 and (packs or i in records)
        for i, share in values["keeps"].items()
    ):
        raise IntegrityError(f"{path} is damaged: a share to be answered is none, or of no record")
    if not all(isinstance(digest, str) for digest in [*records.values(), *packs.values()]):
        raise IntegrityError(f"{path} is damaged: a digest is no text")
    if not all(isinstance(name, str) and _FILE.fullmatch(name) for name in erasing):
        raise IntegrityError(f"{path} is damaged: it lists a file to be deleted that is not a record's")
    suffix = ".sealed" if values["sealed"] else ".safetensors"
    live = {f"records/{i}{suffix}" for i in records} | {f"packs/{i}.pack" for i in packs}
    if not (packs or set(detached) <= set(records)) or set(erasing) & live:
        raise IntegrityError(f"{path} is damaged: a record is both live and not")
    return values


def _check_types(values: dict[str, Any], types: _Types, path: Path) -> None:
    if set(values) != set(types):
        odd = sorted(set(values) ^ set(types))[:3]
        raise IntegrityError(f"{path} is damaged: missing or unknown entries {odd}")
    for name, kind in types.items():
        wanted_bool = kind is bool
        if isinstance(values[name], bool) != wanted_bool or not isinstance(values[name], kind):
            raise IntegrityError(f"{path} is damaged: {name} has the wrong type")
