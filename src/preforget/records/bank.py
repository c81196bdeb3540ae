"""The live records of a model, packed into tensors whose shapes don't depend on which classes are live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from preforget.core.errors import UsageError
from preforget.records.record import ClassRecord
from preforget.records.roster import Roster


def slot_block(slot: int) -> range:
    """Return the slots that are always computed together with `slot`: 0-7, 8-15, then 16 at a time, from 128 on 32.

    Small blocks waste little on small banks, large ones keep large banks fast; which slots form a block never changes.
    """
    size = 8 if slot < 16 else 16 if slot < 128 else 32
    return range(slot // size * size, slot // size * size + size)


class PromptBank(Roster):
    """Live records in lasting slots; slots come in blocks, see `slot_block`, and dead slots hold zeros.

    A record's tensors are views of the packed tensors `[capacity, ...]`, so that erasing a slot leaves no copy.
    Columns of scores follow `labels`, which are sorted: their order says nothing about earlier classes.
    """

    def __init__(self, shapes: Mapping[str, Sequence[int]], device: torch.device | None = None) -> None:
        super().__init__()
        self.shapes = {name: tuple(shape) for name, shape in shapes.items()}
        self.packed = {n: torch.zeros(0, *shape, device=device) for n, shape in self.shapes.items()}
        self._records: dict[str, ClassRecord] = {}
        self._taken: set[int] = set()

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, label: object) -> bool:
        return label in self._records

    @property
    def capacity(self) -> int:
        """The number of slots, live and dead, of whole blocks."""
        return len(next(iter(self.packed.values())))

    @property
    def labels(self) -> list[str]:
        """All labels that the bank holds, detached ones too, sorted."""
        return sorted(self._records)

    def ids(self, label: str) -> list[str]:
        """Return the id of a class's record; raises `UnknownLabelError`."""
        return [self[label].id]

    def affected_records(self, label: str | None = None, subject: str | None = None) -> list[ClassRecord]:
        """Return the record of a class; raises `UnknownLabelError`."""
        return super().affected_records(label, subject) if subject is not None else [self[str(label)]]

    def live_blocks(self, labels: Iterable[str] | None = None) -> list[range]:
        """Return the slot blocks that hold at least one record, or one of `labels`, in order."""
        blocks = {slot_block(self.slot(label)) for label in (self._records if labels is None else labels)}
        return sorted(blocks, key=lambda block: block.start)

    def slots(self, labels: Iterable[str]) -> list[int]:
        """Return the slot of each label, in the given order."""
        return [self.slot(label) for label in labels]

    def slot(self, label: str) -> int:
        """Return the lasting slot of one label; raises `UnknownLabelError`."""
        slot = self[label].slot
        assert slot is not None  # insert() gave it
        return slot

    def __getitem__(self, label: str) -> ClassRecord:
        """Return the record of a label; raises `UnknownLabelError` if it was never learned or is forgotten."""
        try:
            return self._records[label]
        except KeyError:
            raise self.unknown(label) from None

    def insert(self, record: ClassRecord) -> ClassRecord:
        """Copy a record into its slot, or into the lowest free one, and return the live record (views).

        Raises `UsageError` if the label or the slot is taken, or if a tensor's name or shape differs.
        """
        if record.label in self._records:
            raise UsageError(
                f"class {record.label!r} is already in the model; forget it first, or add another name"
            )
        shapes = {name: tuple(tensor.shape) for name, tensor in record.tensors.items()}
        if shapes != self.shapes:
            raise UsageError(
                f"record {record.id} does not fit the bank: it has {shapes}, needed is {self.shapes}"
            )
        taken = self._taken
        slot = (
            next(s for s in range(len(taken) + 1) if s not in taken) if record.slot is None else record.slot
        )
        if slot in taken or slot < 0:
            raise UsageError(f"slot {slot} of record {record.id} is taken")
        self.reserve(slot + 1)
        with torch.no_grad():
            for name, tensor in record.tensors.items():
                self.packed[name][slot].copy_(tensor)
        live = ClassRecord(record.label, self._views(slot), slot, record.id)
        self._records[record.label] = live
        taken.add(slot)
        return live

    def erase(self, label: str) -> ClassRecord:
        """Overwrite a record with zeros in place and drop it; return a record that holds only its id and slot."""
        record = self[label]
        with torch.no_grad():
            for tensor in record.tensors.values():
                tensor.zero_()
        self._detached.discard(label)
        self._taken.discard(self.slot(label))
        del self._records[label]
        return ClassRecord(
            "", {}, record.slot, record.id
        )  # its views would show the class that takes the slot next

    def _views(self, slot: int) -> dict[str, Tensor]:
        return {name: tensor[slot] for name, tensor in self.packed.items()}

    def reserve(self, slots: int) -> None:
        """Make room for so many slots at once, which is faster than one by one."""
        if slots <= self.capacity:
            return
        capacity = slot_block(slots - 1).stop
        grown = {n: old.new_zeros(capacity, *self.shapes[n]) for n, old in self.packed.items()}
        for name, old in self.packed.items():
            grown[name][: len(old)] = old
            old.zero_()  # the old memory holds every class: leave nothing behind
        self.packed = grown
        for label, record in self._records.items():
            assert record.slot is not None
            self._records[label] = ClassRecord(label, self._views(record.slot), record.slot, record.id)
