"""The open weights of a model whose classes are added to a frozen image path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones import class_path
from preforget.backbones.encoder import Encoder
from preforget.core.errors import UsageError
from preforget.data.dataset import Images
from preforget.white_box.surface import Features, Weights

ROWS = 128
"""How many inputs go through the backbone at once."""


@dataclass(frozen=True, eq=False)
class Read:
    """Frozen states `[n, levels, N, D]` that enter each block of the class path, and the live scores `[n, C]`."""

    states: Tensor
    scores: Tensor


class FrozenPath:
    """A new class goes beside the frozen image path, as `backbones.class_path` says, without adapters of its own.

    Rows read every block of the class path, `F = levels D`. `scores`: the model's own scores `[n, C]` of inputs, in
    order of `labels`; `live`: learned weights of the live classes, each `[C, ...]`, empty where nothing was learned by
    gradient; `stored`: all that the model's files hold; `closed_form`: where nothing was learned by gradient, scores
    `[batch, C]` from the outputs of all blocks, with gradients.
    """

    prompt_names: tuple[str, ...] = ("prompt", "offsets")

    def __init__(
        self,
        encoder: Encoder,
        labels: Sequence[str],
        *,
        first_block: int,
        scores: Callable[[Images], npt.NDArray[np.float32]],
        live: Weights,
        stored: Weights,
        closed_form: Callable[[list[Tensor]], Tensor] | None = None,
    ) -> None:
        self._encoder, self._first = encoder, first_block
        self._scores, self._live, self._stored = scores, live, stored
        self._closed_form = closed_form
        self.labels = tuple(labels)
        if not self.labels:
            raise UsageError("the model knows no class, so there is nothing to attack")

    def read(self, inputs: Images) -> Read:
        """Return frozen states and live scores of all inputs."""
        walked = slice(self._first, self._encoder.depth)
        parts = [self._encoder.states(pixels, walked).cpu() for pixels in self._batches(inputs)]
        return Read(torch.cat(parts), torch.from_numpy(self._scores(inputs)))

    def start(self, tokens: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Return prompts near the mean CLS state of noise; offsets, row and bias are zero."""
        shapes = class_path.shapes(self._levels, self._encoder.dim, tokens, rank=0)
        middle = class_path.middle(self._encoder, self._first)
        drawn = {name: class_path.draw(shape, name, middle, generator) for name, shape in shapes.items()}
        return {name: tensor.to(self._encoder.device) for name, tensor in drawn.items()}

    def logits(
        self, read: Read, rows: Tensor, new: Weights | None = None, live: Weights | None = None
    ) -> Tensor:
        """Return live scores, and that of one class more, which doesn't change them."""
        states = read.states[rows].to(self._encoder.device)
        scores = self._score(live, states) if live else read.scores[rows].to(states.device)
        if new is None:
            return scores
        new_scores = self._score({name: tensor[None] for name, tensor in new.items()}, states)
        return torch.cat([scores, new_scores], dim=1)

    @torch.no_grad()
    def readout(self, read: Read, rows: Tensor, new: Weights) -> Tensor:
        """Return the normed mean state of the class's tokens after each block, `[len(rows), levels D]`."""
        one = {name: tensor[None] for name, tensor in new.items()}
        states = read.states[rows].to(self._encoder.device)
        features = []
        z = class_path.start(one, len(states), states.dtype)
        levels = class_path.by_level(one, states.dtype)
        for number, (block, level) in enumerate(
            zip(self._encoder.blocks[self._first :], levels, strict=True)
        ):
            z = class_path.advance(block, z, level, *block.key_value(states[:, number]))
            features.append(F.layer_norm(z.float(), z.shape[-1:]).mean(dim=2)[0])
        return torch.cat(features, dim=1)

    def live(self) -> dict[str, Tensor]:
        """Return copies of the live classes' prompts, offsets, rows, biases and own adapters; none where summed up."""
        return {name: tensor.clone() for name, tensor in self._live.items()}

    def stored(self) -> dict[str, Tensor]:
        """Return the tensors of all records."""
        return dict(self._stored)

    def features(self, inputs: Images) -> Features:
        """Return the backbone's own CLS states."""
        after = slice(1, self._encoder.depth + 1)
        parts = [
            self._encoder.summary(self._encoder.states(pixels, after)).float().cpu()
            for pixels in self._batches(inputs)
        ]
        return list(torch.cat(parts).transpose(0, 1).numpy())

    def pixels(self, inputs: Images, rows: Tensor) -> Tensor:
        """Return normalised pixels, or spectrograms."""
        return self._encoder.read(inputs, rows.tolist())

    def open(self, pixels: Tensor) -> Tensor:
        """Return live scores with gradients."""
        if self._closed_form is not None:
            return self._closed_form([h for h, _, _ in self._walk(pixels)])
        live = self.live()
        image = [(keys, values) for _, keys, values in self._walk(pixels)][self._first :]
        blocks = self._encoder.blocks[self._first :]
        return class_path.score(blocks, live, image, len(pixels), self._encoder.dtype)

    def _batches(self, inputs: Images) -> Iterator[Tensor]:
        for start in range(0, len(inputs), ROWS):
            yield self._encoder.read(inputs, range(start, min(start + ROWS, len(inputs))))

    def _walk(self, pixels: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield output, keys and values of each block, with gradients to the pixels."""
        h = self._encoder.embed(pixels)
        for block in self._encoder.blocks:
            h, keys, values = block.forward(h)
            yield h, keys, values

    def _score(self, weights: Weights, states: Tensor) -> Tensor:
        return class_path.score_states(self._encoder, self._first, weights, states)

    @property
    def _levels(self) -> int:
        return self._encoder.depth - self._first
