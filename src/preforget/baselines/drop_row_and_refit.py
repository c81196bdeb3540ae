"""Drop the row and refit the head: delete a class's row, then learn a fresh head from the retained inputs.

The adapter stays as it is, so each input's readout is computed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.baselines.descent import descend
from preforget.baselines.drop_row import dropped
from preforget.baselines.examples import reading
from preforget.baselines.lora_head import LoraHead
from preforget.baselines.method import METHODS, DescentConfig, Grid, Method
from preforget.data.dataset import Split

AT_ONCE = 128


@dataclass(frozen=True)
class DropRowAndRefitConfig(DescentConfig):
    """Options: the schedule of the head."""


@METHODS.register("drop_row_and_refit")
class DropRowAndRefit(Method):
    """Learns a fresh head for the retained classes on the frozen adapter's readout, by cross-entropy."""

    name = "drop_row_and_refit"
    source = "the trivial control, with the head's own traces of the class gone too"
    config_type = DropRowAndRefitConfig
    search: ClassVar[Grid] = {"learning_rate": (1e-3, 3e-3, 1e-2), "epochs": (5, 10)}
    config: DropRowAndRefitConfig

    def unlearn(
        self, original: LoraHead, forget: Split, retain: Split, generator: torch.Generator
    ) -> LoraHead:
        """Return the classifier with the original's adapter and a new head."""
        less = dropped(original, forget, retain)
        fresh = less.untrained(len(less.labels), generator)
        head = {name: fresh[name] for name in ("head.weight", "head.bias")}
        with reading(less, retain) as (kept,), torch.no_grad():
            parts = [less.readout(less.parameters, states) for states, _ in kept.batches(AT_ONCE)]
        readout, target = torch.cat(parts), kept.target.to(parts[0].device)

        def loss(indices: Tensor, noise: torch.Generator) -> Tensor:
            del noise
            chosen = indices.to(readout.device)
            logits = F.linear(readout[chosen], head["head.weight"], head["head.bias"])
            return F.cross_entropy(logits, target[chosen])

        descend(head, loss, len(kept), self.config, generator)
        return less.changed({**less.parameters, **head})
