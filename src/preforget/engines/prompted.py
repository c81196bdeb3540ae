"""What engines with learned prompts share: a packed bank, scores by slot, abstention from quantiles in the records."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from preforget.backbones.encoder import Encoder
from preforget.core.errors import UsageError
from preforget.data.dataset import Images, Split
from preforget.engines.base import Engine, Scores
from preforget.engines.options import EngineOptions
from preforget.records import ClassRecord, PromptBank

QUANTILES = 101


class PromptEngine(Engine):
    """An engine whose classes have one record each, of fixed shapes, in a packed bank."""

    one_record_per_class: ClassVar[bool] = True

    def __init__(self, encoder: Encoder, config: EngineOptions) -> None:
        super().__init__(encoder, config)
        self._bank = PromptBank(self.record_shapes(), encoder.device)

    @property
    def bank(self) -> PromptBank:
        """The records, packed."""
        return self._bank

    @abstractmethod
    def learned_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name and shape of every learned tensor of one class."""

    def record_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name and shape of every tensor of a record: what is learned, and what calibrates abstention."""
        return {**self.learned_shapes(), "calibration": (QUANTILES,), "count": ()}

    @abstractmethod
    def score_batch(self, pixels: Tensor, labels: Sequence[str]) -> Tensor:
        """Return `float32 [batch, capacity]`, one column per slot; only columns of `labels` mean anything.

        Where scores depend on which classes are present, exactly `labels` are.
        """

    @abstractmethod
    def log_confidence(self, scores: Scores) -> Scores:
        """Return `[n]` for scores `[n, classes]`: the higher, the surer that the input is of one of these classes."""

    @abstractmethod
    def own_confidence(self, label: str, inputs: Images) -> Scores:
        """Return `[n]`: the part of `log_confidence` that `label` has in it, at most the whole.

        It calibrates abstention, so it should depend on other classes as little as possible.
        """

    def insert(self, label: str, learned: Mapping[str, Tensor], slot: int | None = None) -> None:
        """Put what was learned of a class into the bank, at a slot if one is given; `calibrate` fills in the rest."""
        unset = {n: torch.zeros(s) for n, s in self.record_shapes().items() if n not in learned}
        self.bank.insert(ClassRecord(label, {n: t.detach() for n, t in learned.items()} | unset, slot))

    def records(self) -> list[ClassRecord]:
        """Return the live records, sorted by label."""
        return [self.bank[label] for label in self.bank.labels]

    def forget(self, label: str) -> None:
        """Destroy a record in memory; raises `UnknownLabelError`."""
        self.bank.erase(label)

    def restore(self, records: Sequence[ClassRecord], shared: dict[str, Tensor]) -> None:
        """Fill an empty engine from records and shared tensors of a model folder."""
        self.bank.reserve(max((record.slot or 0 for record in records), default=-1) + 1)
        for record in records:
            if record.slot is None or record.subject is not None or record.partner is not None:
                raise UsageError(f"record {record.id} is not one of the {self.name} engine")
            self.bank.insert(record)
        tensors = self.shared_tensors()
        if {k: v.shape for k, v in tensors.items()} != {k: v.shape for k, v in shared.items()}:
            raise UsageError(
                f"shared tensors {sorted(shared)} don't fit the {self.name} engine: {sorted(tensors)}"
            )
        with torch.no_grad():
            for name, tensor in tensors.items():
                tensor.copy_(shared[name])

    def score_shortlist(self, pixels: Tensor, labels: Sequence[str], size: int) -> Tensor:
        """Return `float32 [batch, capacity]` with `-inf` for all but the `size` most promising of `labels`."""
        raise UsageError(f"the {self.name} engine scores all classes together; it has no shortlist")

    def evaluate(
        self, inputs: Images, labels: Sequence[str] | None = None, shortlist: int = 0
    ) -> tuple[Scores, Scores]:
        """Return scores and their `confidence`."""
        labels = self.bank.attached if labels is None else labels
        columns = self.bank.slots(labels)
        out = np.empty((len(inputs), len(columns)), dtype=np.float32)
        for start, pixels in self.pixel_batches(inputs):
            if 0 < shortlist < len(labels):
                part = self.score_shortlist(pixels, labels, shortlist)[:, columns].cpu().numpy()
            else:
                part = self.score_batch(pixels, labels)[:, columns].cpu().numpy()
            out[start : start + len(part)] = part
        return out, self.confidence(out, labels)

    def confidence(self, scores: Scores, labels: Sequence[str]) -> Scores:
        """Return what decides whether an input is answered, `[n]` of scores `[n, labels]`: `log_confidence`."""
        return self.log_confidence(scores)

    def calibrate(self, labels: Sequence[str], validation: Split) -> None:
        """Write into each record of `labels` how sure of the class the model is on its own validation inputs.

        A record keeps `QUANTILES` of them, evenly spread over their ranks, and their number, so that the threshold
        can be computed again from the live records alone whenever one of them is forgotten.
        """
        for label in labels:
            self.keep_quantiles(label, self.own_confidence(label, validation.only(label).inputs))

    def keep_quantiles(self, label: str, confidences: Scores) -> None:
        """Write into the record of a class how its own validation inputs are distributed, `[inputs]`."""
        levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
        kept = np.quantile(confidences, levels, method="inverted_cdf").astype(np.float32)
        record = self.bank[label]
        with torch.no_grad():
            record.tensors["calibration"].copy_(torch.from_numpy(kept))
            record.tensors["count"].fill_(len(confidences))

    def threshold(self, keep: float, labels: Sequence[str] | None = None) -> float:
        """Return the log-confidence that at least a share `keep` of the validation inputs of `labels` reaches.

        `labels` are the attached classes by default. It depends on their records alone, in which each class
        weighs as much as the number of its inputs, and is infinite where there is no class.
        """
        records = [self.bank[label] for label in (self.bank.attached if labels is None else labels)]
        if not records:
            return float("inf")
        values = np.concatenate([r.tensors["calibration"].cpu().numpy() for r in records])
        weights = np.repeat([float(r.tensors["count"]) for r in records], QUANTILES)
        order = np.argsort(values, kind="stable")
        passed = np.cumsum(weights[order]) / weights.sum()
        rank = int(np.searchsorted(passed, 1 - keep + 1e-9, side="right"))
        return float(values[order[min(rank, len(order) - 1)]])
