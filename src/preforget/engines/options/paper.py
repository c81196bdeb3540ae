"""Options of the paper engine."""

from __future__ import annotations

from dataclasses import dataclass

from preforget.core.errors import UsageError
from preforget.core.options import option
from preforget.engines.options.base import OPTIONS, EngineOptions


@OPTIONS.register("paper")
@dataclass(frozen=True)
class Paper(EngineOptions):
    """Options of the paper engine; the defaults are the paper's recipe."""

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
