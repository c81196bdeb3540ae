"""The interface of all engines, and what they share: columns, batches, confidence, forgetting in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from preforget.backbones.encoder import Encoder
from preforget.core.errors import UsageError
from preforget.core.guarantee import Guarantee
from preforget.core.hashing import value_digest
from preforget.data.dataset import Images, Split
from preforget.data.images import read_batch
from preforget.records import ClassRecord, PromptBank
from preforget.training.checkpoint import Checkpoint

Scores = npt.NDArray[np.float32]
QUANTILES = 101


@dataclass(frozen=True)
class Session:
    """How a learning runs on this machine; nothing here changes what is learned.

    `cache_dir`: keep hidden states in a file there instead of memory; `keep_cache`: leave that file for the next
    learning; `checkpoint`: the file of an unfinished learning, which whoever asked for it removes in the end;
    `show`: progress on stderr.
    """

    cache_dir: Path | None = None
    keep_cache: bool = False
    checkpoint: Path | None = None
    show: bool = False


@dataclass(frozen=True)
class EngineConfig:
    """Options of an engine; subclasses add fields and check them."""

    seed: int = 0

    @classmethod
    def from_options(cls, options: dict[str, Any]) -> EngineConfig:
        """Build a configuration from keyword options; raises `UsageError` for one that can't be used."""
        known = {field.name for field in fields(cls)}
        for name in options:
            if name not in known:
                raise UsageError(f"unknown option {name!r}; this engine has: {', '.join(sorted(known))}")
        config = cls(**options)
        config.check_whole(seed=0)
        return config

    def check_whole(self, **lowest: int) -> None:
        """Raise `UsageError` unless each named option is a whole number of at least the given value."""
        for name, low in lowest.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise UsageError(f"{name} must be a whole number of at least {low}, got {value!r}")

    def check_rate(self) -> None:
        """Raise `UsageError` unless the learning rate is a number above 0 and below 10."""
        rate = getattr(self, "learning_rate", None)
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate < 10:
            raise UsageError(f"learning_rate must be a number above 0 and below 10, got {rate!r}")

    def check_first_block(self, encoder: Encoder) -> None:
        """Raise `UsageError` unless the encoder has a block of number `first_block`."""
        first = getattr(self, "first_block", 0)
        if first >= encoder.depth:
            raise UsageError(f"first_block is {first}, but the backbone's last block is {encoder.depth - 1}")

    def as_dict(self) -> dict[str, Any]:
        """Return the options as plain values, for the manifest."""
        return asdict(self)


class Engine(ABC):
    """Learns records on a frozen encoder and scores inputs with the live ones.

    `bank` holds the records; columns of `scores` follow `bank.attached`.
    """

    name: ClassVar[str]
    guarantee: ClassVar[Guarantee]
    config_type: ClassVar[type[EngineConfig]]
    score_rows: ClassVar[int] = 128

    def __init__(self, encoder: Encoder, config: EngineConfig) -> None:
        self.encoder = encoder
        self.config = config
        self.bank = PromptBank(self.record_shapes(), encoder.device)

    @abstractmethod
    def learned_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name and shape of every learned tensor of one class."""

    def record_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name and shape of every tensor of a record: what is learned, and what calibrates abstention."""
        return {**self.learned_shapes(), "calibration": (QUANTILES,), "count": ()}

    @abstractmethod
    def learn(self, train: Split, validation: Split, session: Session) -> None:
        """Learn a record for every class of `train`; the bank must be empty."""

    @abstractmethod
    def add(self, label: str, train: Split, validation: Split, session: Session) -> None:
        """Learn one more class; `train` holds its images and, as negatives, images of other live classes."""

    @abstractmethod
    def score_batch(self, pixels: Tensor, labels: Sequence[str]) -> Tensor:
        """Return `float32 [batch, capacity]`, one column per slot; only columns of `labels` mean anything.

        Where scores depend on which classes are present, exactly `labels` are.
        """

    @abstractmethod
    def log_confidence(self, scores: Scores) -> Scores:
        """Return `[n]`, higher the surer that the input is of one of the classes scored; `[n, classes]` in."""

    @abstractmethod
    def own_confidence(self, label: str, inputs: Images) -> Scores:
        """Return `[n]`: the part of `log_confidence` that `label` has in it, at most the whole.

        It calibrates abstention, so it is to depend on other classes as little as the engine can make it.
        """

    @abstractmethod
    def probabilities(self, scores: Scores) -> Scores:
        """Turn scores `[n, classes]` into probabilities of the classes; what a row lacks to 1 is abstain's."""

    def shared_tensors(self) -> dict[str, Tensor]:
        """Return what no class owns and learning has written, by name; empty where nothing shared is trained."""
        return {}

    def restore(self, records: Sequence[ClassRecord], shared: dict[str, Tensor]) -> None:
        """Fill an empty engine from records and shared tensors of a model folder."""
        for record in records:
            self.bank.insert(record)
        own = self.shared_tensors()
        if {k: v.shape for k, v in own.items()} != {k: v.shape for k, v in shared.items()}:
            raise UsageError(
                f"shared tensors {sorted(shared)} don't fit the {self.name} engine: {sorted(own)}"
            )
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(shared[name])

    def forget(self, label: str) -> ClassRecord:
        """Destroy a record in memory and return its id and slot alone; raises `UnknownLabelError`."""
        return self.bank.erase(label)

    def score_shortlist(self, pixels: Tensor, labels: Sequence[str], size: int) -> Tensor:
        """Return `float32 [batch, capacity]` with `-inf` for all but the `size` most promising of `labels`."""
        raise UsageError(f"the {self.name} engine scores all classes together; it has no shortlist")

    def scores(self, inputs: Images, labels: Sequence[str] | None = None, shortlist: int = 0) -> Scores:
        """Return `float32 [n, classes]`; columns follow `labels`, all attached classes by default.

        `shortlist`: score only that many classes of each image, the others are `-inf`; 0 scores all.
        """
        labels = self.bank.attached if labels is None else labels
        columns = self.bank.slots(labels)
        out = np.empty((len(inputs), len(columns)), dtype=np.float32)
        for start, pixels in self.pixel_batches(inputs):
            if 0 < shortlist < len(labels):
                part = self.score_shortlist(pixels, labels, shortlist)[:, columns].cpu().numpy()
            else:
                part = self.score_batch(pixels, labels)[:, columns].cpu().numpy()
            out[start : start + len(part)] = part
        return out

    def pixel_batches(self, inputs: Images) -> Iterator[tuple[int, Tensor]]:
        """Yield start index and normalised pixels of consecutive batches."""
        size = self.encoder.preprocessing.image_size
        for start in range(0, len(inputs), self.score_rows):
            stop = min(start + self.score_rows, len(inputs))
            yield start, self.encoder.pixels(read_batch(inputs, range(start, stop), size))

    def checkpoint(self, session: Session, digest: str) -> Checkpoint | None:
        """Return the session's checkpoint, if it has one, tied to `digest` and to how the encoder sees images."""
        if session.checkpoint is None:
            return None
        seen = [asdict(self.encoder.preprocessing), str(self.encoder.dtype)]
        return Checkpoint(session.checkpoint, value_digest([digest, *seen]))

    def calibrate(self, labels: Sequence[str], validation: Split) -> None:
        """Write into each record of `labels` how sure of the class the model is on its own validation images.

        A record keeps `QUANTILES` of them, evenly spread over their ranks, and their number, so that the threshold
        can be formed anew from the live records alone whenever one of them goes.
        """
        levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
        for label in labels:
            own = self.own_confidence(label, validation.only(label).inputs)
            kept = np.quantile(own, levels, method="inverted_cdf").astype(np.float32)
            record = self.bank[label]
            with torch.no_grad():
                record.tensors["calibration"].copy_(torch.from_numpy(kept))
                record.tensors["count"].fill_(len(own))

    def threshold(self, keep: float, labels: Sequence[str] | None = None) -> float:
        """Return a log-confidence that at least a share `keep` of the validation images of `labels` reaches.

        `labels` are the attached classes by default. Formed from their records alone; each class weighs as many
        images as it had; infinite where there is no class.
        """
        records = [self.bank[label] for label in (self.bank.attached if labels is None else labels)]
        if not records:
            return float("inf")
        values = np.concatenate([r.tensors["calibration"].cpu().numpy() for r in records])
        weights = np.repeat([float(r.tensors["count"]) for r in records], QUANTILES)
        order = np.argsort(values, kind="stable")
        passed = np.cumsum(weights[order]) / weights.sum()
        place = int(np.searchsorted(passed, 1 - keep + 1e-9, side="right"))
        return float(values[order[min(place, len(order) - 1)]])
