"""Pieces of work whose time is compared: a plain pass, banks, shortlists, steps of learning, exact learning.

Names: `plain 128` (batch 128), `bank 100 128` (classes, batch), `shortlist 1000 128` (the best 32 of so many classes),
`step isolated 32`, `step paper 32`, `step lora_head 32` (hidden states read already), `exact 256` (learn so many
images), `matrix` (a square product of matrices). Weights, images and records are noise: speed doesn't depend on what
they hold.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from preforget.backbones import Encoder, load_backbone
from preforget.baselines.lora_head import LoraHead, LoraHeadConfig
from preforget.data.dataset import Split
from preforget.engines import ENGINES
from preforget.engines.base import Session
from preforget.engines.isolated import IsolatedEngine
from preforget.engines.options import Isolated
from preforget.records import ClassRecord

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
from random_vit import write_random_vit

Work = Callable[[], Any]
LEARNED_BY = {
    "isolated": "preforget.engines.isolated",
    "paper": "preforget.engines.paper",
    "lora_head": LoraHead.__module__,
}
"""The modules whose `run` is taken out to time one step of it."""

SHORTLIST = 32


@dataclass(frozen=True)
class Shape:
    """A transformer of random weights: width, blocks and pixels of a side, patches of `patch` pixels."""

    width: int = 192
    blocks: int = 12
    image_size: int = 96
    patch: int = 16
    classes: int = 8
    matrix: int = 2048

    def write(self, folder: Path) -> Path:
        """Write its checkpoint and return the folder; heads of 64 numbers, or of half the width."""
        heads = self.width // 64 or 2
        shape = {"width": self.width, "inner": 4 * self.width, "heads": heads, "blocks": self.blocks}
        return write_random_vit(folder, image_size=self.image_size, patch=self.patch, spread=0.02, **shape)


@dataclass
class Workloads:
    """Builds pieces of work by name, on one encoder."""

    encoder: Encoder
    shape: Shape
    banks: dict[int, IsolatedEngine] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path, shape: Shape, device: str, dtype: str) -> Workloads:
        """Return the workloads of a checkpoint."""
        return cls(load_backbone(str(folder), device=device, dtype=dtype), shape)

    def work(self, name: str) -> Work:
        """Return what does the work of that name once; raises `KeyError` for an unknown name."""
        kind, *rest = name.split()
        makers: dict[str, Callable[..., Work]] = {
            "plain": self.plain,
            "bank": self.bank,
            "shortlist": self.shortlist,
            "step": self.step,
            "exact": self.exact,
            "matrix": self.matrix,
        }
        return makers[kind](*rest)

    def plain(self, batch: str) -> Work:
        """Take images through the encoder."""
        pixels = self.encoder.noise(int(batch))
        return lambda: list(self.encoder.walk(pixels))

    def bank(self, classes: str, batch: str) -> Work:
        """Score images by a bank of so many classes."""
        engine, pixels = self._bank(int(classes)), self.encoder.noise(int(batch))
        return lambda: engine.score_batch(pixels, engine.bank.attached)

    def shortlist(self, classes: str, batch: str) -> Work:
        """Score the most likely of so many classes."""
        engine, pixels = self._bank(int(classes)), self.encoder.noise(int(batch))
        return lambda: engine.score_shortlist(pixels, engine.bank.attached, SHORTLIST)

    def step(self, learner: str, batch: str) -> Work:
        """Take one step of learning as the learner takes it: read states, loss, gradients, Adam."""
        size = int(batch)
        train = noise(2 * size, self.shape.classes, self.shape.image_size)
        return Step.of(learner, self.encoder, train, size)

    def exact(self, images: str) -> Work:
        """Learn so many images with the exact engine."""
        train = noise(int(images), self.shape.classes, self.shape.image_size)
        few = train.select(np.arange(2 * self.shape.classes))
        kind = ENGINES["exact"]
        options = kind.options_type.from_options({"levels": min(4, self.encoder.depth)})
        return lambda: kind(self.encoder, options).learn(train, few, Session())

    def matrix(self) -> Work:
        """Multiply two square matrices in the encoder's number format."""
        size, device, dtype = self.shape.matrix, self.encoder.device, self.encoder.dtype
        left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        return lambda: left @ right

    def _bank(self, classes: int) -> IsolatedEngine:
        if classes not in self.banks:
            engine = IsolatedEngine(self.encoder, Isolated())
            generator = torch.Generator().manual_seed(0)
            engine.bank.reserve(classes)
            for number in range(classes):
                shapes = engine.record_shapes().items()
                tensors = {name: torch.randn(s, generator=generator) * 0.02 for name, s in shapes}
                engine.bank.insert(ClassRecord(f"{number:05d}", tensors))
            self.banks[classes] = engine
        return self.banks[classes]


@dataclass
class Step:
    """One step of learning, taken out of a learner's own `run`, with its cache of states still open."""

    parameters: Any
    backward: Callable[[torch.Tensor, torch.Generator], None]
    optimizer: Any
    indices: torch.Tensor
    noise: torch.Generator

    @classmethod
    def of(cls, learner: str, encoder: Encoder, train: Split, batch: int) -> Step:
        """Let a learner read the images, and return its step of `batch` of them."""
        taken: list[Step] = []

        def instead(parameters: Any, backward: Any, *, schedule: Any, **options: Any) -> None:
            from preforget.training.adam import Adam

            rates = options.get("rates") or {}
            factors = [rates.get(name, 1.0) for name in parameters]
            optimizer = Adam(parameters.values(), schedule.learning_rate, schedule.betas, factors)
            generator = torch.Generator().manual_seed(1)
            indices = torch.randperm(len(train), generator=generator)[:batch]
            taken.append(cls(parameters, backward, optimizer, indices, generator))

        module = importlib.import_module(LEARNED_BY[learner])
        cache = importlib.import_module("preforget.training.state_cache").StateCache
        with ExitStack() as stack:
            stack.enter_context(patch.object(module, "run", instead))
            stack.enter_context(patch.object(cache, "close", lambda self: None))
            learn(learner, encoder, train, batch)
        for parameter in taken[0].parameters.values():
            parameter.requires_grad_()
        return taken[0]

    def __call__(self) -> None:
        """Take the step."""
        self.optimizer.zero_grad()
        self.backward(self.indices, self.noise)
        self.optimizer.step()


def learn(learner: str, encoder: Encoder, train: Split, batch: int) -> None:
    """Learn with an engine, or with the ordinary classifier."""
    if learner == LoraHead.name:
        LoraHead(encoder, LoraHeadConfig(epochs=1, batch_size=batch)).learn(train, Session())
        return
    kind = ENGINES[learner]
    options = kind.options_type.from_options({"epochs": 1, "batch_size": batch})
    with patch.object(kind, "calibrate", lambda *_: None) if learner == "paper" else nullcontext():
        kind(encoder, options).learn(train, train.select(np.arange(len(set(train.labels)))), Session())


def noise(count: int, classes: int, size: int) -> Split:
    """Return images of noise with labels in turn."""
    drawn = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    return Split(drawn, np.array([f"class {i % classes}" for i in range(count)], dtype=object))
