"""Options of the paper engine."""

from __future__ import annotations

from dataclasses import dataclass

from preforget.core.errors import UsageError
from preforget.core.options import option
from preforget.engines.options.base import OPTIONS, EngineOptions


@OPTIONS.register("paper")
@dataclass(frozen=True)
class Paper(EngineOptions):
    """Options of the paper engine; the defaults are the paper's recipe (arXiv 2509.15230).

    Args:
        seed: Of everything that is drawn while learning; a whole number of at least 0.
        first_block: Number of the backbone's block where prompts and adapters begin, from 0.
        tokens_per_class: Length of the prompt of a class, in tokens; at least 1.
        final_norm: Whether the backbone's last LayerNorm stands before the head. The authors' code leaves it out.
        epochs: Passes over the data; at least 1.
        batch_size: Inputs per step; at least 1.
        learning_rate: Step size of Adam, above 0 and below 10, the same in every step.

    Raises:
        UsageError: A value can't be used.

    Example:
        >>> Paper(epochs=2).as_dict()["epochs"]
        2
    """

    first_block: int = option(0, "block of the backbone where prompts and adapters begin")
    tokens_per_class: int = option(1, "length of the prompt of a class", aliases=("tokens",))
    final_norm: bool = option(
        False, "put the backbone's last LayerNorm before the head, which the authors' code leaves out", ""
    )
    epochs: int = option(10, "passes over the data")
    batch_size: int = option(32, "inputs per step")
    learning_rate: float = option(1e-3, "step size of Adam, the same in every step", "RATE")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_whole(first_block=0, tokens_per_class=1, epochs=1, batch_size=1)
        self.check_rate()
        if not isinstance(self.final_norm, bool):
            raise UsageError(f"final_norm must be True or False, got {self.final_norm!r}")
