"""The interface of unlearning after the fact, and the registry of methods by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch

from preforget.baselines.lora_head import LoraHead
from preforget.core.errors import UsageError
from preforget.core.options import Options
from preforget.core.registry import Registry
from preforget.data.dataset import Images, Split, names_of
from preforget.engines.base import Scores

Grid = Mapping[str, tuple[Any, ...]]
"""Options and the values that a search tries, all combinations of them."""


class Classifier(Protocol):
    """What a method returns: `scores float32 [n, classes]`, columns in order of `labels`."""

    labels: list[str]

    def scores(self, inputs: Images) -> Scores:
        """Return one score per input and class, the highest for the most likely class."""


@dataclass(frozen=True)
class DescentConfig(Options):
    """Options of a method that trains: passes over its data, inputs per step, and Adam's constant rate."""

    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_whole(epochs=1, batch_size=1)
        self.check_numbers(learning_rate=(1e-9, 10))


class Method(ABC):
    """One way to unlearn: makes a new classifier from a learned one, which it never changes.

    `search`: the values that a search on validation data tries. A new method is one file with one class, registered by
    `@METHODS.register(name)`.
    """

    name: ClassVar[str]
    source: ClassVar[str]
    """The paper, its identifier, and the method's name in it."""

    config_type: ClassVar[type[Options]]
    search: ClassVar[Grid] = {}

    def __init__(self, config: Options | None = None) -> None:
        self.config = config or self.config_type()

    def prepare(self, ordinary: LoraHead, train: Split) -> Any:
        """Return the classifier that `unlearn` starts from, learned on all of `train`: here the ordinary one itself.

        A method overrides it if it needs another classifier, or keeps more than weights from learning.
        """
        del train
        return ordinary

    @abstractmethod
    def unlearn(
        self, original: LoraHead, forget: Split, retain: Split, generator: torch.Generator
    ) -> Classifier:
        """Return a new classifier that has forgotten the inputs `forget` and kept the inputs `retain`.

        The column of a forgotten class stays unless the method is about dropping it. `generator` is on the CPU; the
        same seed gives the same result. Raises `DataError` for inputs of a class that `original` doesn't know.
        """


METHODS: Registry[type[Method]] = Registry(
    "unlearning method", package="preforget.baselines", group="preforget.baselines"
)


def whole_classes(forget: Split, retain: Split) -> list[str]:
    """Return the classes that are forgotten; raises `UsageError` unless they are forgotten as a whole."""
    gone = names_of(forget.labels)
    kept = set(names_of(retain.labels))
    if both := [label for label in gone if label in kept]:
        raise UsageError(
            f"this method drops whole classes, but images of {both[0]!r} are retained; forget all of them"
        )
    if not gone or not kept:
        raise UsageError("this method drops some of the classes; give images to forget and images to retain")
    return gone


def remaining(labels: Iterable[str], gone: Iterable[str]) -> list[str]:
    """Return `labels` without those in `gone`, in the same order."""
    dropped = set(gone)
    return [label for label in labels if label not in dropped]
