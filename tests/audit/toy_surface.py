"""A foreign model whose weights lie open: classes on vectors, each with a prompt that is added to the input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.audit.attacks.observe import Parts
from preforget.data import Split
from preforget.data.dataset import Images, label_array
from preforget.white_box.surface import Features, Weights

D, H = 6, 16
MIDDLE = {
    "a": [2.0, -2.0, 1.5, 0, 0, 0],
    "b": [-2.0, 2.0, 1.5, 0, 0, 0],
    "c": [0, 0, -1.5, 2.0, 0, 0],
    "d": [0, 0, -1.5, -2.0, 0, 0],
}
"""What tells `a` from `b` is in the first two numbers alone."""


def vectors(each: int, seed: int, names: str = "abcd") -> Split:
    """`each` noisy vectors of every class, as bytes."""
    rng = np.random.default_rng(seed)
    labels = [name for _ in range(each) for name in names]
    x = np.array([MIDDLE[name] for name in labels]) + rng.normal(0, 0.7, (len(labels), D))
    return Split(np.clip(np.rint(128 + 25 * x), 0, 255).astype(np.uint8), label_array(labels))


def parts(each: int = 60, forgotten: str = "a", seed: int = 0) -> Parts[Split]:
    train, test = vectors(each, 2 * seed), vectors(each, 2 * seed + 1)
    gone = [*forgotten]
    return Parts(train.only(gone), test.only(gone), train.without(gone), test.without(gone))


class ToySurface:
    """`score_c = row_c . tanh((x + mean_T prompt_c) map) + bias_c`, each class by itself.

    `kind`: "own": the map `[D, H]` is fixed; "shared": it is learned too, as `adapter.map`; "closed": nothing is.
    """

    prompt_names: tuple[str, ...] = ("prompt",)

    def __init__(self, labels: Sequence[str], weights: Weights, kind: str = "own") -> None:
        self.labels, self.kind = tuple(labels), kind
        self.weights = {name: tensor.detach().clone() for name, tensor in weights.items()}

    def read(self, inputs: Images) -> Tensor:
        return torch.from_numpy((np.asarray(inputs, dtype=np.float32) - 128) / 25)

    def start(self, tokens: int, generator: torch.Generator) -> dict[str, Tensor]:
        wide, high = self.weights["adapter.map"].shape
        prompt = 0.1 * torch.randn(tokens, wide, generator=generator)
        return {"prompt": prompt, "row": torch.zeros(high), "bias": torch.zeros(())}

    def logits(
        self, read: Tensor, rows: Tensor, new: Weights | None = None, live: Weights | None = None
    ) -> Tensor:
        w = {**self.weights, **(live or {})}
        columns = [
            self._state(read[rows], prompt, w["adapter.map"]) @ row + bias
            for prompt, row, bias in zip(w["prompt"], w["row"], w["bias"], strict=True)
        ]
        if new is not None:
            columns.append(
                self._state(read[rows], new["prompt"], w["adapter.map"]) @ new["row"] + new["bias"]
            )
        return torch.stack(columns, dim=1)

    @torch.no_grad()
    def readout(self, read: Tensor, rows: Tensor, new: Weights) -> Tensor:
        return self._state(read[rows], new["prompt"], self.weights["adapter.map"])

    def live(self) -> dict[str, Tensor]:
        if self.kind == "closed":
            return {}
        kept = [name for name in self.weights if self.kind == "shared" or name != "adapter.map"]
        return {name: self.weights[name].clone() for name in kept}

    def features(self, inputs: Images) -> Features:
        return [np.tanh(self.read(inputs) @ self.weights["adapter.map"]).numpy()]

    def pixels(self, inputs: Images, rows: Tensor) -> Tensor:
        return self.read(inputs)[rows]

    def open(self, pixels: Tensor) -> Tensor:
        return self.logits(pixels, torch.arange(len(pixels)))

    def _state(self, x: Tensor, prompt: Tensor, mapped: Tensor) -> Tensor:
        return torch.tanh((x + prompt.mean(dim=0)) @ mapped)


def learned(
    split: Split, kind: str = "own", blind: bool = False, seed: int = 0, steps: int = 150
) -> ToySurface:
    """A model of the classes of `split`; a blind one can't see the two numbers that tell `a` from `b`."""
    generator = torch.Generator().manual_seed(seed)
    labels = sorted(set(split.labels))
    mapped = 0.4 * torch.randn(D, H, generator=generator)
    mapped[:2] *= 0 if blind else 1
    weights = {
        "adapter.map": mapped,
        "prompt": 0.1 * torch.randn(len(labels), 1, D, generator=generator),
        "row": torch.zeros(len(labels), H),
        "bias": torch.zeros(len(labels)),
    }
    surface = ToySurface(labels, weights, kind)
    read, rows = surface.read(split.inputs), torch.arange(len(split))
    targets = torch.tensor([labels.index(label) for label in split.labels])
    for name, tensor in weights.items():
        tensor.requires_grad_(name != "adapter.map" or kind == "shared")
    optimizer = torch.optim.Adam([t for t in weights.values() if t.requires_grad], lr=0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(surface.logits(read, rows, live=weights), targets).backward()
        optimizer.step()
    return ToySurface(labels, weights, kind)


def forgotten_from(surface: ToySurface, label: str) -> ToySurface:
    """The same model without one class's prompt, row and bias; what is shared stays as it is."""
    kept = [place for place, name in enumerate(surface.labels) if name != label]
    weights = {n: t if n.startswith("adapter.") else t[kept] for n, t in surface.weights.items()}
    return ToySurface([surface.labels[place] for place in kept], weights, surface.kind)
