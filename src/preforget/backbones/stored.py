"""The tensors of a checkpoint by the names in its files, and a digest of those that were used."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from preforget.backbones.checkpoint import DAMAGE, find_file, first_line, read_tensors
from preforget.backbones.file_digests import TORCH_WEIGHTS
from preforget.core.errors import BackboneError


@dataclass(frozen=True)
class Stored:
    """Tensors by name, `base` before each name; `used` fills up with those that were asked for, in float32."""

    source: str
    tensors: Mapping[str, Tensor]
    base: str = ""
    used: dict[str, Tensor] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Tell whether there is a tensor of this name."""
        return self.base + name in self.tensors

    def get(self, name: str) -> Tensor:
        """Return a tensor in float32; raises `BackboneError` if there is none of this name."""
        if not self.has(name):
            raise BackboneError(f"{self.source!r} lacks tensors of its architecture, the first: {name}")
        if name not in self.used:
            self.used[name] = self.tensors[self.base + name].detach().to(torch.float32).contiguous()
        return self.used[name]

    def first(self, names: Sequence[str]) -> str:
        """Return the first of these names that there is a tensor of; raises `BackboneError` if there is none."""
        return next((name for name in names if self.has(name)), "") or self._lacks(names[0])

    def zeros(self, name: str, size: int) -> Tensor:
        """Return a bias, or zeros where a layer has none."""
        return self.get(name) if self.has(name) else torch.zeros(size)

    def linear(self, *names: str) -> tuple[Tensor, Tensor]:
        """Return weight and bias of linear maps, one above the other."""
        weights = [self.get(f"{name}.weight") for name in names]
        biases = [self.zeros(f"{n}.bias", len(w)) for n, w in zip(names, weights, strict=True)]
        return torch.cat(weights), torch.cat(biases)

    def norm(self, name: str) -> tuple[Tensor, Tensor]:
        """Return weight and bias of a norm, both empty where there is none of this name."""
        if not self.has(f"{name}.weight"):
            return torch.zeros(0), torch.zeros(0)
        weight = self.get(f"{name}.weight")
        return weight, self.zeros(f"{name}.bias", len(weight))

    def count(self, pattern: str) -> int:
        """Return how many layers there are, by a name of one of their tensors with `{}` for the number."""
        number = 0
        while self.has(pattern.format(number)):
            number += 1
        return number

    def digest(self) -> str:
        """Return `sha256:<hex>` of names, shapes and values of all tensors that were asked for."""
        total = hashlib.sha256()
        for name, tensor in sorted(self.used.items()):
            total.update(f"{name}{tuple(tensor.shape)}".encode())
            total.update(tensor.numpy().tobytes())
        return f"sha256:{total.hexdigest()}"

    def _lacks(self, name: str) -> str:
        raise BackboneError(f"{self.source!r} lacks tensors of its architecture, the first: {name}")


def read_stored(
    source: str,
    revision: str | None,
    bases: Sequence[str],
    known: str,
    older: Sequence[tuple[re.Pattern[str], str]] = (),
) -> Stored:
    """Read a checkpoint's tensors; `bases`: what may stand before all names; `known`: a name that every one has.

    `older`: patterns of names that earlier versions wrote, and what stands for each now.
    Raises `BackboneError` for damaged files and for a checkpoint without that tensor.
    """
    tensors = read_tensors(source, revision)
    if tensors is None:
        tensors = _torch_tensors(source, revision)
    base = next((base for base in bases if base + known in tensors), None)
    if base is None:
        raise BackboneError(f"{source!r} lacks tensors of its architecture, the first: {known}")
    if not older:
        return Stored(source, tensors, base)
    own = {name.removeprefix(base): tensor for name, tensor in tensors.items() if name.startswith(base)}
    return Stored(source, {renamed(name, older): tensor for name, tensor in own.items()})


def renamed(name: str, older: Sequence[tuple[re.Pattern[str], str]]) -> str:
    """Return a tensor's name as it is today."""
    for pattern, newer in older:
        name = pattern.sub(newer, name)
    return name


def _torch_tensors(source: str, revision: str | None) -> dict[str, Tensor]:
    single = find_file(source, TORCH_WEIGHTS, revision)
    index = None if single is not None else find_file(source, f"{TORCH_WEIGHTS}.index.json", revision)
    if single is None and index is None:
        raise BackboneError(
            f"weights of {source!r} can't be loaded: no model.safetensors nor {TORCH_WEIGHTS}"
        )
    tensors: dict[str, Tensor] = {}
    try:
        names = [TORCH_WEIGHTS]
        if index is not None:
            named = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
            names = [Path(name).name for name in sorted(set(named))]
        for name in names:
            path = find_file(source, name, revision)
            if path is None:
                raise FileNotFoundError("a file that its index names is missing")
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
            if not isinstance(loaded, dict) or not all(isinstance(v, Tensor) for v in loaded.values()):
                raise TypeError(f"{name} holds more than tensors")
            tensors |= loaded
    except DAMAGE as error:
        raise BackboneError(f"weights of {source!r} can't be loaded: {first_line(error)}") from error
    return tensors


@dataclass(frozen=True)
class Settings:
    """The values of a `config.json`, checked as they are read; `names`: what a setting is called in the file."""

    source: str
    values: Mapping[str, Any]
    names: Mapping[str, str] = field(default_factory=dict)

    def whole(self, name: str, default: int) -> int:
        """Return a whole number of at least 1; raises `BackboneError`."""
        name = self.names.get(name, name)
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self._wrong(name, "a whole number of at least 1")
        return value

    def number(self, name: str, default: float) -> float:
        """Return a number of at least 0; raises `BackboneError`."""
        name = self.names.get(name, name)
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise self._wrong(name, "a number of at least 0")
        return float(value)

    def one_of(self, name: str, default: str, allowed: Mapping[str, Any]) -> str:
        """Return one of the allowed texts; raises `BackboneError` that lists them."""
        name = self.names.get(name, name)
        value = self.values.get(name, default)
        if value not in allowed:
            raise self._wrong(name, "one of " + ", ".join(allowed))
        return str(value)

    def _wrong(self, name: str, wanted: str) -> BackboneError:
        return BackboneError(
            f"{self.source!r}: {name} in config.json must be {wanted}, got {self.values[name]!r}"
        )
