"""Records as they were read from a folder, for engines that need no bank of their own."""

from __future__ import annotations

from collections.abc import Sequence

from preforget.records.record import EVERY_CLASS, ClassRecord
from preforget.records.roster import Roster


class RecordList(Roster):
    """Classes and their records; one that concerns two classes, or all, is forgotten with each of them."""

    def __init__(self, records: Sequence[ClassRecord]) -> None:
        super().__init__()
        self._records = list(records)

    @property
    def labels(self) -> list[str]:
        """All labels that the list holds, sorted."""
        return sorted({record.label for record in self._records} - {EVERY_CLASS})

    @property
    def subjects(self) -> list[str]:
        """All subjects that records of the list name, sorted."""
        return sorted({record.subject for record in self._records if record.subject is not None})

    def ids(self, label: str) -> list[str]:
        """Return the ids of the records that a class has to itself; raises `UnknownLabelError`."""
        return [r.id for r in self.affected_records(label) if r.label == label and r.partner is None]

    def affected_records(self, label: str | None = None, subject: str | None = None) -> list[ClassRecord]:
        """Return every record in which a class has a part; raises `UnknownLabelError`."""
        if subject is not None:
            return super().affected_records(label, subject)
        affected = [record for record in self._records if record.concerns(str(label))]
        if not affected or label == EVERY_CLASS:
            raise self.unknown(label)
        return affected + [record for record in self._records if record.label == EVERY_CLASS]
