"""How the isolated engine scores one class: the part that depends on what the encoder gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from preforget.backbones.encoder import Encoder
from preforget.records import PromptBank

Weights = Mapping[str, Tensor]


class Scorer(ABC):
    """Scores classes by weights that belong to one class each. `S` classes or slots, `N D` states of an input.

    `rates`: factors of the learning rate by name of a weight; `steps`: of learning, where the user gives no epochs.
    """

    rates: ClassVar[Mapping[str, float]] = {}
    steps: ClassVar[int]
    encoder: Encoder

    @property
    @abstractmethod
    def blocks(self) -> tuple[int, int]:
        """The first and the last block whose entering states learning reads."""

    @property
    @abstractmethod
    def tokens(self) -> int:
        """How many states go through the backbone for each class and input."""

    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name and shape of every learned tensor of one class."""

    @abstractmethod
    def draw(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Return an untrained weight of one class."""

    @abstractmethod
    def score_states(self, weights: Weights, states: Tensor) -> Tensor:
        """Return `float32 [batch, S]` of states `[batch, blocks, N, D]`, with gradients to `weights`."""

    def cheap_scores(self, weights: Weights, states: Tensor) -> Tensor | None:
        """Return the scores `[batch, S]` that choose a shortlist, learned beside the others; None without one."""
        return None

    @abstractmethod
    def score_bank(self, bank: PromptBank, pixels: Tensor, labels: Sequence[str]) -> Tensor:
        """Return `float32 [batch, capacity]` of what `encoder.read` gives; only columns of `labels` mean anything.

        Slot blocks are computed one by one, in shapes that never depend on which classes are live; those without one
        of `labels` are left out.
        """

    @abstractmethod
    def score_shortlist(self, bank: PromptBank, pixels: Tensor, labels: Sequence[str], size: int) -> Tensor:
        """Return `float32 [batch, capacity]`: scores of the `size` best classes by a cheap score, else `-inf`."""
