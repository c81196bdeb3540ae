"""What an attacker who holds the files of an exact model can compute with gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from preforget.engines import features
from preforget.engines.base import Engine
from preforget.engines.heads import Heads
from preforget.engines.options import Exact
from preforget.white_box.frozen_path import FrozenPath


def frozen_path(engine: Engine, options: Exact, heads: Callable[[Sequence[str]], Heads]) -> FrozenPath:
    """Return the frozen image path with closed-form scores; gradients pass the rounding of features unchanged."""
    labels = tuple(engine.bank.attached)
    wanted = features.depths(engine.encoder, options.levels)

    def closed_form(outputs: list[Tensor]) -> Tensor:
        states = torch.stack([outputs[depth - 1] for depth in wanted], dim=1)
        return heads(labels).scores(features.rounded_with_gradient(engine.encoder, states), None)

    stored = {f"{i}.{name}": t for i, r in enumerate(engine.records()) for name, t in r.tensors.items()}
    return FrozenPath(
        engine.encoder,
        labels,
        first_block=options.first_block or 0,
        scores=lambda inputs: engine.scores(inputs, labels),
        live={},
        stored=stored,
        closed_form=closed_form,
    )
