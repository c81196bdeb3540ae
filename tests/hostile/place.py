"""A model folder that hostile files are put into, and that is right again for the next case."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from preforget.core.hashing import bytes_digest, value_digest
from preforget.erasure import Plan, engine_of, forget, open_folder
from preforget.erasure.plan import Target
from preforget.erasure.transaction import Request, erase_on_disk
from preforget.records import ClassRecord
from preforget.store import Manifest, ModelFolder
from preforget.store.layout import INTENT, LEDGER
from preforget.store.ledger import Ledger
from preforget.store.ledger_sqlite import SqliteLedger
from preforget.store.manifest import NAME, UNSTATED, _text

from .conftest import Range

BACKBONE = {
    **{
        "id": "somewhere/vit",
        "revision": None,
        "architecture": "vit",
        "digest": "sha256:0",
        "image_size": 32,
    },
    **{"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "dtype": "float32"},
}
State = dict[str, bytes]
"""Files of a folder by their names in it."""


class Stopped(Exception):  # noqa: N818 (no error: a crash)
    """Stands for a crash."""


class Place:
    """A folder and its keyring that can be brought back to a state quickly."""

    def __init__(self, range_: Range) -> None:
        self.path, self.keyring, self.canary = range_.work / "model", range_.keyring, range_.canary
        self._laid: dict[Path, tuple[State, dict[str, tuple[int, ...]]]] = {}

    def make(self, kind: str) -> tuple[State, State]:
        """Make a folder: `plain` or `sealed`, in which something was `erased`, is `erasing`, or is `announced` so."""
        remove(self.path)
        sealed, what = kind.startswith("sealed"), kind.split()[-1]
        manifest = Manifest(
            "isolated", "parametric", {"seed": 0}, BACKBONE, 0.95, version="0.1.0", sealed=sealed
        )
        torch.manual_seed(0)
        records = [
            ClassRecord(f"class {i}", {"row": torch.rand(12), "bias": torch.rand(())}, i) for i in range(3)
        ]
        folder = ModelFolder.create(self.path, manifest, records, {"adapter": torch.rand(2, 2)}, self.keyring)
        before = files_of(self.path), files_of(self.keyring)
        target = Target("class", "class 0", (records[0].id,))
        planned = Plan((target,), records[:1], engine_of(folder), frozenset({"class 0"}))
        if what == "erased":
            forget(planned, folder=folder)
        if what in ("announced", "erasing"):
            with suppress(Stopped):
                erase_on_disk(folder, planned, self._stop, request=Request())
        if what == "announced":
            return {**before[0], INTENT: (self.path / INTENT).read_bytes()}, before[1]
        return files_of(self.path), files_of(self.keyring)

    def lay(self, model: State, keyring: State) -> None:
        """Write what differs from the states, and remove what is not in them."""
        for folder, state in ((self.path, model), (self.keyring, keyring)):
            before, signs = self._laid.get(folder, ({}, {}))
            now = _signs(folder)
            for name in now.keys() - state.keys():
                remove(folder / name)
            for name, content in state.items():
                path = folder / name
                if now.get(name) != signs.get(name, ()) or before.get(name) is not content:
                    if (name in now and not path.is_file()) or path.is_symlink():
                        remove(path)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
                    path.chmod(0o600)
            self._laid[folder] = state, _signs(folder)

    def open(self) -> None:
        """Do what hostile files must not break."""
        folder = open_folder(self.path, self.keyring)
        folder.records()
        folder.shared()

    def _stop(self) -> Any:
        raise Stopped


def files_of(folder: Path) -> State:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def _signs(folder: Path) -> dict[str, tuple[int, ...]]:
    found = {}
    for place, folders, files in os.walk(folder):
        for name in (*files, *(f for f in folders if (Path(place) / f).is_symlink())):
            status = os.lstat(path := os.path.join(place, name))  # noqa: PTH118
            found[os.path.relpath(path, folder)] = (
                status.st_ino,
                status.st_mtime_ns,
                status.st_size,
                status.st_mode,
            )
    return found


def remove(path: Path) -> None:
    """Remove a file, a link or a folder; Python's own way fails for folders that are nested deeply."""
    if path.is_dir() and not path.is_symlink():
        subprocess.run(["rm", "-rf", path], check=True)
    else:
        path.unlink(missing_ok=True)


def manifest_file(values: dict[str, Any]) -> bytes:
    """Return a manifest with a right checksum, also one of values that preforget wouldn't write."""
    with suppress(ValueError):
        return _text(values)
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    whole = {**values, "checksum": bytes_digest(text.encode(errors="surrogatepass"))}
    return json.dumps(whole, sort_keys=True).encode() + b"\n"


def known(place: Place, state: State, values: dict[str, Any], data: dict[str, Any]) -> State:
    """Return a folder whose manifest and ledger agree on `values`: a row says so, with `data`."""
    place.path.joinpath(LEDGER).write_bytes(state[LEDGER])
    stated = value_digest({name: value for name, value in values.items() if name not in UNSTATED})
    ledger = Ledger(SqliteLedger(place.path / LEDGER), values["model"])
    head = ledger.append("add", {"state": stated, **data}).head
    content = (place.path / LEDGER).read_bytes()
    values = {**values, "ledger": {**head.as_dict(), "digest": bytes_digest(content)}}
    return {**state, LEDGER: content, NAME: manifest_file(values)}


def values_of(state: State) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(state[NAME])
    del values["checksum"]
    return values
