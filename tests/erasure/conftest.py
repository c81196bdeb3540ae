"""Model folders of random records with a keyring of their own, sealed or not."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from preforget.erasure import Erasure, forget, open_folder, plan
from preforget.records import ClassRecord
from preforget.store import Manifest, ModelFolder
from preforget.store.keyring import open_keyring

LABELS = ["Ada Lovelace", "Grace Hopper", "Mary Somerville"]
BACKBONE = {
    **{"id": "x", "revision": None, "architecture": "vit", "digest": "sha256:0", "image_size": 32},
    **{"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "dtype": "float32"},
}


def make_record(label: str, slot: int = 0, size: int = 200) -> ClassRecord:
    tensors = {"prompt": torch.rand(2, size) + 0.5, "row": torch.rand(size) + 0.5, "bias": torch.rand(())}
    return ClassRecord(label, tensors, slot)


@dataclass(frozen=True)
class Made:
    """A model folder at `model` and its keyring at `keyring`."""

    model: Path
    keyring: Path

    def open(self) -> ModelFolder:
        """Open the folder as every command does."""
        return open_folder(self.model, self.keyring)

    def labels(self) -> list[str]:
        """Open the folder, read all, and return the labels."""
        return sorted(record.label for record in self.open().records())

    def forget(self, label: str, reason: str | None = None) -> Erasure:
        """Forget a class in the folder."""
        folder = self.open()
        return forget(plan(folder, label=label), folder=folder, reason=reason)

    def receipt(self) -> Path:
        """Return where the only receipt lies."""
        (path,) = (self.model / "receipts").iterdir()
        return path

    def public_keys(self) -> dict[str, object]:
        """Return the public keys that this keyring signs with."""
        return dict(open_keyring(self.keyring).signing.known())

    def backup(self, to: Path) -> Path:
        """Copy the model folder alone."""
        return Path(shutil.copytree(self.model, to))

    def put_back(self, backup: Path) -> None:
        """Replace the model folder by a backup."""
        shutil.rmtree(self.model)
        shutil.copytree(backup, self.model)


@pytest.fixture(params=[False, True], ids=["plain", "sealed"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    """Return a folder of three classes; each test runs with a plain and with a sealed one."""
    manifest = replace(Manifest("isolated", "parametric", {"seed": 0}, BACKBONE, 0.95), sealed=request.param)
    records = [make_record(label, slot) for slot, label in enumerate(LABELS)]
    shared = {"adapter": torch.rand(3, 4)}
    ModelFolder.create(tmp_path / "model", manifest, records, shared, tmp_path / "keyring")
    return Made(tmp_path / "model", tmp_path / "keyring")
