"""Drop the head row: delete the weights and the bias of a class, and leave everything else as it is.

The adapter keeps all that it learned about the class; this is the cheapest way to stop the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from preforget.baselines.examples import columns
from preforget.baselines.lora_head import LoraHead
from preforget.baselines.method import METHODS, Method, remaining, whole_classes
from preforget.core.options import Options
from preforget.data.dataset import Split


@dataclass(frozen=True)
class DropRowConfig(Options):
    """No options."""


def without_rows(parameters: Mapping[str, Tensor], rows: Sequence[int]) -> dict[str, Tensor]:
    """Return the parameters with only the head's `rows`, in that order."""
    head = {name: parameters[name][list(rows)] for name in ("head.weight", "head.bias")}
    return {**parameters, **head}


def dropped(original: LoraHead, forget: Split, retain: Split) -> LoraHead:
    """Return the original without the forgotten classes' rows; raises what `whole_classes` and `columns` raise."""
    gone = whole_classes(forget, retain)
    for split in (forget, retain):
        columns(original.labels, split)
    labels = remaining(original.labels, gone)
    rows = [original.labels.index(label) for label in labels]
    return original.changed(without_rows(original.parameters, rows), labels)


@METHODS.register("drop_row")
class DropRow(Method):
    """Removes the head rows of the forgotten classes; draws nothing."""

    name = "drop_row"
    source = "the trivial control: the retained scores stay, the adapter keeps what it knows"
    config_type = DropRowConfig

    def unlearn(
        self, original: LoraHead, forget: Split, retain: Split, generator: torch.Generator
    ) -> LoraHead:
        """Return the classifier without the columns of the forgotten classes."""
        del generator
        return dropped(original, forget, retain)
