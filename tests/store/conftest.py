"""Model folders of random records, and a search for what must be gone in every byte."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from preforget.records import ClassRecord
from preforget.store import Manifest, ModelFolder
from preforget.store.pack import FEWEST

MakeFolder = Callable[..., ModelFolder]


@contextlib.contextmanager
def ordinary_user() -> Iterator[Path]:
    """Give a folder in which the process has no more rights than its owner, even if it is root."""
    with tempfile.TemporaryDirectory() as name:
        folder, user = Path(name), os.geteuid()
        if user == 0:
            os.chown(folder, 65534, -1)
            os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(user)


def manifest() -> Manifest:
    backbone = {
        "id": "somewhere/vit",
        "revision": None,
        "architecture": "vit",
        "digest": "sha256:0",
        "image_size": 32,
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "dtype": "float32",
    }
    return Manifest("isolated", "parametric", {"seed": 0}, backbone, 0.95, version="0.1.0")


def make_record(label: str, slot: int = 0, size: int = 40) -> ClassRecord:
    tensors = {"prompt": torch.rand(2, size) + 0.5, "row": torch.rand(size) + 0.5, "bias": torch.rand(())}
    return ClassRecord(label, tensors, slot)


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """Return what makes a folder with records of the given labels, and with shared tensors where asked for."""

    def make(*labels: str, shared: bool = False, size: int = 40) -> ModelFolder:
        records = [make_record(label, slot, size) for slot, label in enumerate(labels)]
        tensors = {"adapter": torch.rand(3, 4)} if shared else {}
        return ModelFolder.create(tmp_path / "model", manifest(), records, tensors)

    return make


def traces(folder: Path, record: ClassRecord) -> list[str]:
    """Return where, in any file under a folder, the label or 32 bytes in a row of a tensor of a record are found."""
    needles = {"label": record.label.encode()}
    for name, tensor in record.tensors.items():
        content = tensor.contiguous().numpy().tobytes()
        needles |= {
            f"{name}[{start}:]": content[start : start + 32]
            for start in range(0, max(1, len(content) - 31), 4)
        }
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            haystack = path.name.encode() + b"\0" + path.read_bytes()
            found += [f"{what} in {path.name}" for what, needle in needles.items() if needle in haystack]
    return found


PEOPLE = [f"person {n:02}" for n in range(FEWEST)]


def make_unit(subject: str, label: str = "cat") -> ClassRecord:
    features = torch.randint(-9, 9, (3, 4), dtype=torch.int16)
    return ClassRecord(label, {"features": features, "held_out": features[:0]}, subject=subject)


def subjects(folder: ModelFolder) -> list[str]:
    return sorted(str(record.subject) for record in folder.records() if record.subject is not None)


@pytest.fixture(params=[False, True], ids=["plain", "sealed"])
def packed(request: pytest.FixtureRequest, tmp_path: Path) -> ModelFolder:
    units = [make_unit(name) for name in PEOPLE]
    sealed = replace(manifest(), sealed=request.param)
    return ModelFolder.create(tmp_path / "model", sealed, units, {}, tmp_path / "keyring")


def opened(folder: ModelFolder) -> ModelFolder:
    return ModelFolder.open(folder.path, folder.keyring)


def files(folder: ModelFolder, kind: str) -> list[str]:
    """Return the names of the files of one kind in a folder, sorted."""
    place = folder.path / kind
    return sorted(path.name for path in place.iterdir()) if place.is_dir() else []


@pytest.fixture
def cheap_kdf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let new passphrases cost little, where a test asks for many."""
    cheap = {"name": "argon2id", "memory": 64, "passes": 1, "lanes": 1}
    monkeypatch.setattr("preforget.store.passphrase.chosen_kdf", lambda: cheap)
