"""Options of the exact engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from preforget.core.errors import UsageError
from preforget.core.options import option
from preforget.engines.options.base import OPTIONS, EngineOptions

VIEWS = ("", "h", "v", "hv")
"""Which mirrored copies can be read beside an image."""


@OPTIONS.register("exact")
@dataclass(frozen=True)
class Exact(EngineOptions):
    """Options of the exact engine; `seed` and those from `pair_prompts` on are about the prompts of pairs.

    Args:
        seed: Of everything that is drawn while learning prompts; a whole number of at least 0.
        levels: At how many depths of the backbone features are read; at least 1. It has no meaning on vectors.
        shrinkage: Factor by which the covariance is shrunk more than estimated; above 0.
        ridge: Weight of a ridge regression to all classes beside the pairs of them; 0 for none. It counts less where
            features are few, or about as many as the inputs.
        energy_depth: Depth of the backbone, in blocks, whose states tell the unknown; by default a third of all
            blocks. 0: as in model folders of format 2.
        views: Mirrored copies of an image to read too: `"h"` (left and right exchanged), `"v"` (top and bottom) or
            `"hv"` (both). For cells or skin, not for text or digits.
        pair_prompts: Whether to learn prompts for pairs of classes that the closed form confuses; not on vectors.
        first_block: Number of the backbone's block where the path of a pair begins, from 0; by default at a third of
            the depth.
        tokens_per_class: Length of the prompt of a pair, in tokens; at least 1.
        lora_rank: Rank of the adapters that each pair has on its own path; 0 for none.
        steps: Steps of learning the prompt of a pair; at least 1.
        images_per_class: Images of each class of a pair in a step; at least 1.
        learning_rate: Step size of Adam, above 0 and below 10.

    Raises:
        UsageError: A value can't be used.

    Example:
        >>> Exact(views="h").as_dict()["ridge"]
        40.0
    """

    older: ClassVar[Mapping[int, Mapping[str, Any]]] = {2: {"ridge": 0.0, "energy_depth": 0, "views": ""}}

    levels: int = option(
        4, "at how many depths of the backbone features are read; without a meaning on vectors"
    )
    shrinkage: float = option(3.0, "how much more than estimated the covariance is shrunk", "X")
    ridge: float = option(
        40.0, "how much a ridge regression to all classes counts beside pairs of them; 0: not at all", "X"
    )
    energy_depth: int | None = option(
        None, "depth of the backbone that tells the unknown, by default a third of it; 0: as in format 2"
    )
    views: str = option(
        "", "mirrored copies to read too, h, v or hv: for cells or skin, not for text or digits", "VIEWS"
    )
    pair_prompts: bool = option(
        False, "learn prompts for pairs of classes that the closed form confuses; not on vectors", ""
    )
    first_block: int | None = option(
        None, "block of the backbone where the path of a pair begins; by default at a third of the depth"
    )
    tokens_per_class: int = option(1, "length of the prompt of a pair", aliases=("tokens",))
    lora_rank: int = option(4, "rank of the adapters that each pair has on its own path, 0 for none")
    steps: int = option(400, "steps of learning the prompt of a pair")
    images_per_class: int = option(16, "images of each class of a pair in a step")
    learning_rate: float = option(1e-2, "step size of Adam", "RATE")

    @classmethod
    def upgraded(cls, options: Mapping[str, Any], format: int) -> dict[str, Any]:
        """Return the options with the ridge regression, which needs no data; energies and views do."""
        return {**super().upgraded(options, format), "ridge": cls.ridge}

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_whole(levels=1, tokens_per_class=1, lora_rank=0, steps=1, images_per_class=1)
        self.check_rate()
        if self.first_block is not None:
            self.check_whole(first_block=0)
        strength = self.shrinkage
        if isinstance(strength, bool) or not isinstance(strength, (int, float)) or not 0 < strength < 1e6:
            raise UsageError(f"shrinkage must be a number above 0, got {strength!r}")
        self.check_numbers(ridge=(0, 1e6))
        if self.energy_depth is not None:
            self.check_whole(energy_depth=0)
        if self.views not in VIEWS:
            raise UsageError(f"views must be one of {', '.join(map(repr, VIEWS))}, got {self.views!r}")
        if not isinstance(self.pair_prompts, bool):
            raise UsageError(f"pair_prompts must be True or False, got {self.pair_prompts!r}")
