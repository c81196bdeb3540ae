"""Which classes a model knows, and which of them are left out of scoring for now."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Sequence

from preforget.core.errors import UnknownLabelError
from preforget.core.names import meant, printable, same_name
from preforget.records.record import ClassRecord


class Roster(ABC):
    """What all banks share: labels, and detaching."""

    def __init__(self) -> None:
        self._detached: set[str] = set()

    @property
    @abstractmethod
    def labels(self) -> list[str]:
        """All labels that the bank holds, detached ones too, sorted."""

    @property
    def subjects(self) -> list[str]:
        """All subjects that the bank holds something of, sorted; none in a bank that doesn't tell them apart."""
        return []

    def known_as(self, label: str) -> str:
        """Return a class as the bank names it, however its characters are encoded; raises `UnknownLabelError`."""
        name = same_name(label, self.labels)
        if name is None:
            raise self.unknown(label)
        return name

    @abstractmethod
    def ids(self, label: str) -> list[str]:
        """Return the ids of the records that a class has to itself; raises `UnknownLabelError`."""

    @abstractmethod
    def affected_records(self, label: str | None = None, subject: str | None = None) -> list[ClassRecord]:
        """Return every record in which a class, or a subject, has a part: those are destroyed when it is forgotten.

        Raises `UnknownLabelError` for a name that the bank doesn't hold.
        """
        raise UnknownLabelError(
            f"these records don't tell subjects apart, so they hold nothing of {subject!r} alone"
        )

    def affected_by(self, labels: Sequence[str], subjects: Sequence[str] = ()) -> list[ClassRecord]:
        """Return every record in which one of several classes or subjects has a part, each once; see above."""
        records = [record for label in labels for record in self.affected_records(label)]
        records += [record for subject in subjects for record in self.affected_records(subject=subject)]
        return [*{record.id: record for record in records}.values()]

    def __len__(self) -> int:
        return len(self.labels)

    def __contains__(self, label: object) -> bool:
        return label in self.labels

    @property
    def attached(self) -> list[str]:
        """The labels that take part in scoring, sorted."""
        return [label for label in self.labels if label not in self._detached]

    def detach(self, label: str) -> None:
        """Leave a class out of scoring until `attach`; raises `UnknownLabelError`."""
        self._detached.add(self._known(label))

    def attach(self, label: str) -> None:
        """Take a detached class back into scoring; raises `UnknownLabelError`."""
        self._detached.discard(self._known(label))

    def is_detached(self, label: str) -> bool:
        """Tell whether a class is left out of scoring; raises `UnknownLabelError`."""
        return self._known(label) in self._detached

    def unknown(self, label: object) -> UnknownLabelError:
        """Return the error for a label that the bank doesn't hold."""
        return unknown_label(label, self.labels)

    def _known(self, label: str) -> str:
        if label not in self:
            raise self.unknown(label)
        return label


def unknown_label(label: object, known: Sequence[str]) -> UnknownLabelError:
    """Return the error for a label that the model does not hold, with the nearest names that it does hold."""
    if not isinstance(label, str):
        return UnknownLabelError(f"labels are strings, got {label!r} of type {type(label).__name__}")
    alike = meant(label, known)
    near = [name for name in (alike.name, *alike.others) if name is not None]
    near = near or difflib.get_close_matches(label, known, n=3)
    shown = ", ".join(map(printable, near or known[:10])) + (" …" if not near and len(known) > 10 else "")
    hint = f"did you mean: {shown}" if near else f"it knows: {shown}" if known else "it knows no class"
    return UnknownLabelError(
        f"the model has no class {label!r} (never learned, or already forgotten); {hint}"
    )
