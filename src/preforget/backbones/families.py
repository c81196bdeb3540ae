"""The registry of backbone families: which loader reads a checkpoint, by the `model_type` of its `config.json`.

An extension registers a loader with the decorator `BACKBONES.register(model_type)` in a module of its own, and names
that module, under the same model type, as an entry point of the group `preforget.backbones`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch

from preforget.backbones.encoder import Encoder
from preforget.core.errors import BackboneError
from preforget.core.registry import Registry


class Loader(Protocol):
    """A function that reads the checkpoints of one family."""

    def __call__(
        self,
        source: str,
        *,
        image_size: int | None,
        device: torch.device,
        dtype: torch.dtype,
        revision: str | None = None,
    ) -> Encoder:
        """Return a frozen encoder from a folder or a hub id.

        `image_size`: pixels of an image's side, or frames of a spectrogram; None for the checkpoint's own. Raises
        `BackboneError` for a missing, incomplete or foreign checkpoint and `UsageError` for a bad size.
        """
        ...


BACKBONES: Registry[Loader] = Registry(
    "backbone family", package="preforget.backbones", group="preforget.backbones"
)


NOT_READ: Mapping[str, str] = {
    "siglip2": "it reads every picture at a shape of its own (NaFlex), and inputs here have one number of tokens; "
    "take an edition for one size, such as google/siglip2-base-patch16-224",
}
"""Why a family that people ask for isn't read."""


def loader_for(model_type: str, source: str) -> Loader:
    """Return the loader of a family; raises `BackboneError` that lists the families if none reads this type."""
    if model_type not in BACKBONES:
        reason = f" ({NOT_READ[model_type]})" if model_type in NOT_READ else ""
        raise BackboneError(
            f"{source!r} is of architecture {model_type!r}{reason}; supported are: {', '.join(BACKBONES)}, and what an "
            "extension registers in preforget.backbones.families.BACKBONES. Any other encoder can be used by its "
            "outputs alone: encode the inputs with it, and learn from the vectors with backbone 'features'"
        )
    return BACKBONES[model_type]
