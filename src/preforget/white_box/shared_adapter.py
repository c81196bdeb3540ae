"""The open weights of a model whose adapter all classes share, with prompts in the image's sequence or without any."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones.encoder import Encoder
from preforget.backbones.lora import Lora, forward_with_lora, read_with_lora
from preforget.core.errors import UsageError
from preforget.data.dataset import Images
from preforget.white_box.surface import Features, Weights

ROWS = 64


@dataclass(frozen=True, eq=False)
class Read:
    """States `[n, N, D]` that enter the first adapted block."""

    states: Tensor


class SharedAdapter:
    """A LoRA-adapted encoder with a linear head on CLS; `weights`: `adapter.*`, `row [C, D]`, `bias [C]`, `prompt`.

    `prompt [C, T, D]` is there where classes have prompts, all of them present; a new class's prompt joins the
    sequence, so it moves the live scores too, as in the paper engine. `stored`: all that the files hold, if it is more.
    """

    prompt_names: tuple[str, ...] = ("prompt",)

    def __init__(
        self,
        encoder: Encoder,
        labels: tuple[str, ...],
        weights: Weights,
        lora: Lora,
        *,
        first_block: int = 0,
        final_norm: bool = False,
        stored: Weights | None = None,
    ) -> None:
        if not labels:
            raise UsageError("the model knows no class, so there is nothing to attack")
        self.labels, self._encoder, self._lora = labels, encoder, lora
        self._weights = {name: tensor.detach().clone() for name, tensor in weights.items()}
        self._first, self._final_norm = first_block, final_norm
        self._stored = self._weights if stored is None else stored

    def read(self, inputs: Images) -> Read:
        """Return the states that enter the first adapted block."""
        entering = slice(self._first, self._first + 1)
        parts = [
            self._encoder.states(self._encoder.read(inputs, part), entering)[:, 0].cpu()
            for part in _chunks(len(inputs))
        ]
        return Read(torch.cat(parts))

    def start(self, tokens: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Return a prompt from N(0, 1), as the paper engine draws it; row and bias are zero."""
        dim, device = self._encoder.dim, self._encoder.device
        drawn = torch.randn(tokens, dim, generator=generator)
        return {
            "prompt": drawn.to(device),
            "row": torch.zeros(dim, device=device),
            "bias": torch.zeros((), device=device),
        }

    def logits(
        self, read: Read, rows: Tensor, new: Weights | None = None, live: Weights | None = None
    ) -> Tensor:
        """Return the head's answers with all prompts in the sequence, the new class's too."""
        weights = live if live else self._weights
        head, bias = weights["row"], weights["bias"]
        if new is not None:
            head, bias = torch.cat([head, new["row"][None]]), torch.cat([bias, new["bias"][None]])
        return F.linear(self._cls(read.states[rows], weights, new), head, bias)

    @torch.no_grad()
    def readout(self, read: Read, rows: Tensor, new: Weights) -> Tensor:
        """Return CLS with all prompts and the new one in the sequence, `[len(rows), D]`."""
        return self._cls(read.states[rows], self._weights, new)

    def live(self) -> dict[str, Tensor]:
        """Return copies of prompts, rows, biases and the shared adapter."""
        return {name: tensor.clone() for name, tensor in self._weights.items()}

    def stored(self) -> dict[str, Tensor]:
        """Return what was given as stored; the weights where that is all there is."""
        return dict(self._stored)

    @torch.no_grad()
    def features(self, inputs: Images) -> Features:
        """Return CLS after every block, adapted and with all live prompts from the first adapted block on."""
        by_block: list[list[Tensor]] = [[] for _ in self._encoder.blocks]
        for part in _chunks(len(inputs)):
            h = self._encoder.embed(self._encoder.read(inputs, part))
            token = 0
            for number, block in enumerate(self._encoder.blocks):
                level = number - self._first
                if level == 0:
                    h, token = self._sequence(h, self._weights, None)
                if level >= 0:
                    h = forward_with_lora(block, h, self._lora, self._weights, level)
                else:
                    h, _, _ = block.forward(h)
                by_block[number].append(h[:, token].float().cpu())
        return [torch.cat(parts).numpy() for parts in by_block]

    def pixels(self, inputs: Images, rows: Tensor) -> Tensor:
        """Return normalised pixels, or spectrograms."""
        return self._encoder.read(inputs, rows.tolist())

    def open(self, pixels: Tensor) -> Tensor:
        """Return live scores with gradients to the pixels."""
        h = self._encoder.embed(pixels)
        for block in self._encoder.blocks[: self._first]:
            h, _, _ = block.forward(h)
        return F.linear(self._cls(h, self._weights, None), self._weights["row"], self._weights["bias"])

    def _cls(self, states: Tensor, weights: Weights, new: Weights | None) -> Tensor:
        sequence, token = self._sequence(states.to(self._encoder.device), weights, new)
        blocks = self._encoder.blocks[self._first :]
        cls = read_with_lora(blocks, sequence, self._lora, weights, token=token).float()
        return self._encoder.norm(cls) if self._final_norm else cls

    def _sequence(self, states: Tensor, weights: Weights, new: Weights | None) -> tuple[Tensor, int]:
        """Return prompts and states `[B, P + N, D]`, and the number `P` of prompt tokens, after which CLS stands."""
        prompts = [w["prompt"].reshape(-1, states.shape[-1]) for w in (weights, new or {}) if "prompt" in w]
        rows = [p.to(states.dtype).expand(len(states), -1, -1) for p in prompts]
        return torch.cat([*rows, states], dim=1), sum(map(len, prompts))


def _chunks(count: int) -> list[range]:
    return [range(start, min(start + ROWS, count)) for start in range(0, count, ROWS)]
