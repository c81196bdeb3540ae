"""What the options of all engines have in common, and the registry of those in this package; nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from preforget.core.errors import UsageError
from preforget.core.options import Options, option
from preforget.core.registry import Registry

if TYPE_CHECKING:
    from preforget.backbones.encoder import Encoder

DEFAULT_ENGINE = "isolated"
"""The engine of a model for which none is named."""


@dataclass(frozen=True)
class EngineOptions(Options):
    """Options of an engine; subclasses add fields and check them."""

    older: ClassVar[Mapping[int, Mapping[str, Any]]] = {}
    """By the format of a model folder: what stands for options that folders of this format don't name."""

    seed: int = option(0, "of everything that is drawn while learning")

    @classmethod
    def of_folder(cls, options: Mapping[str, Any], format: int) -> Self:
        """Build options from those of a model folder; raises `UsageError` for one that is unknown or can't be used."""
        return cls.from_options({**cls.older.get(format, {}), **options})

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_whole(seed=0)

    @classmethod
    def upgraded(cls, options: Mapping[str, Any], format: int) -> dict[str, Any]:
        """Return what the options of an older model folder become when it is upgraded, all of them named."""
        return {**cls.older.get(format, {}), **options}

    def check_rate(self) -> None:
        """Raise `UsageError` unless the learning rate is a number above 0 and below 10."""
        rate = getattr(self, "learning_rate", None)
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate < 10:
            raise UsageError(f"learning_rate must be a number above 0 and below 10, got {rate!r}")

    def check_first_block(self, encoder: Encoder) -> None:
        """Raise `UsageError` unless the encoder has a block of number `first_block`, or has no blocks and it is 0."""
        first = getattr(self, "first_block", 0) or 0
        if first and not encoder.depth:
            raise UsageError(f"first_block is {first}, but vectors go through no blocks; leave it out")
        if encoder.depth and first >= encoder.depth:
            raise UsageError(f"first_block is {first}, but the backbone's last block is {encoder.depth - 1}")


OPTIONS: Registry[type[EngineOptions]] = Registry("engine", package="preforget.engines.options")
"""Options of the engines in this package by the engine's name: the command line lists them without loading an engine.

An extension's engine needs no entry: its class variable `options_type` says the same once it is loaded.
"""
