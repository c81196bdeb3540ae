"""What a process that has a model loaded still holds of a forgotten class: nothing; what held it is zeros."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from preforget.classifier import PreForgettableClassifier

GOLDEN = Path(__file__).parents[1] / "golden" / "format2"
LENGTH = 64
"""Bytes of a piece by which a record is recognised."""


def held_by(model: PreForgettableClassifier) -> Iterator[bytes]:
    """Yield the content of every array that can be reached from the model, and of every tensor of the process."""
    waiting: list[Any] = [model]
    seen = set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, (type, ModuleType, FunctionType)):
            continue
        seen.add(id(one))
        if isinstance(one, np.ndarray) and one.dtype != object:
            yield one.tobytes()
        waiting += gc.get_referents(one)
    storages = {}
    for one in gc.get_objects():
        if type(one) in (Tensor, torch.nn.Parameter) and one.device.type == "cpu":
            storages[one.untyped_storage().data_ptr()] = one.untyped_storage()
    for storage in storages.values():
        yield bytes(torch.tensor([], dtype=torch.uint8).set_(storage).numpy())


def pieces_of(tensors: list[Tensor]) -> set[bytes]:
    """Return two pieces of each tensor that is long and varied enough to be recognised."""
    contents = [tensor.detach().contiguous().numpy().tobytes() for tensor in tensors]
    pieces = {content[start : start + LENGTH] for content in contents for start in (0, len(content) // 2)}
    return {piece for piece in pieces if len(piece) == LENGTH and len(set(piece)) > 16}


def are_held(pieces: set[bytes], model: PreForgettableClassifier) -> bool:
    gc.collect()
    return any(piece in content for content in held_by(model) for piece in pieces)


@pytest.mark.parametrize("kind", ["exact-prompted-sealed", "isolated-scored-sealed", "paper-plain"])
def test_nothing_that_a_process_holds_is_of_the_class(kind: str, tmp_path: Path) -> None:
    place = Path(shutil.copytree(GOLDEN / kind, tmp_path / "golden"))
    for path in (place / "keyring").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    model = PreForgettableClassifier.from_pretrained(
        place / "model", backbone=str(GOLDEN / "backbone"), device="cpu", keyring=place / "keyring"
    )
    images = np.random.default_rng(0).integers(0, 255, (3, 16, 16), dtype=np.uint8)
    model.predict(images)
    erased = [t for record in model.engine_.affected_records("bee") for t in record.tensors.values()]
    pieces = pieces_of(erased)
    assert pieces
    assert are_held(pieces, model)
    model.forget("bee")
    assert not any(tensor.any() for tensor in erased)
    model.predict(images)
    assert not are_held(pieces, model)
