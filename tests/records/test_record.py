from __future__ import annotations

import torch

from preforget.records.record import ClassRecord, new_record_id


def test_ids_are_random_and_hex() -> None:
    ids = {new_record_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(i) == 32 and set(i) <= set("0123456789abcdef") for i in ids)


def test_the_label_is_in_no_repr() -> None:
    record = ClassRecord("Ada Lovelace", {"prompt": torch.zeros(1)}, slot=3)
    assert repr(record) == f"ClassRecord(id={record.id!r}, slot=3)"
    assert "Lovelace" not in f"{[record]}"
