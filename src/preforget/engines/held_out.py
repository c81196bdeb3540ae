"""What an engine holds of the validation inputs in memory: scores by class pairs, and what was formed from them."""

from __future__ import annotations

from collections.abc import Sequence

from preforget.core.errors import UsageError
from preforget.engines.abstention import Abstention
from preforget.engines.pair_scores import PairScores
from preforget.records import ClassRecord


class HeldOut:
    """At most one record of scores, and what follows from it for the classes that are asked about."""

    def __init__(self) -> None:
        self._record: ClassRecord | None = None
        self._scores: PairScores | None = None
        self._formed: dict[tuple[str, ...], Abstention | None] = {}

    @property
    def records(self) -> list[ClassRecord]:
        """The record, or none."""
        return [] if self._record is None else [self._record]

    def take(self, records: Sequence[ClassRecord]) -> None:
        """Hold a record, or none, instead of what was held; raises `UsageError` for two of them or a damaged one."""
        if len(records) > 1:
            raise UsageError(f"record {records[1].id} is a second one of scores of validation inputs")
        self._scores = PairScores.from_record(records[0]) if records else None
        self._record = records[0] if records else None
        self._formed.clear()

    def forget(self, label: str) -> None:
        """Leave out what concerns a class, and overwrite what was held: freed memory keeps its content."""
        scores, record, formed = self._scores, self._record, [*self._formed.values()]
        left = None if scores is None else scores.without({label})
        if left is scores or scores is None or record is None:
            return
        self.take([] if left is None else [left.to_record()])
        for one in (scores, *(each.scores for each in formed if each is not None)):
            one.wipe()
        for tensor in record.tensors.values():
            tensor.zero_()

    def formed(self, labels: Sequence[str]) -> Abstention | None:
        """Return what the validation inputs of `labels` say; None where nothing is held of one of them, or of all."""
        key = tuple(sorted(labels))
        if self._scores is None or not key:
            return None
        if key not in self._formed:
            known = set(self._scores.labels)
            left = self._scores.without(known - set(key)) if set(key) <= known else None
            usable = left is not None and len(left.truth)
            self._formed[key] = Abstention.of(left) if usable and left is not None else None
        return self._formed[key]
