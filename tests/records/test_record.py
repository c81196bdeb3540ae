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


def test_a_digest_is_of_names_and_tensors_alone() -> None:
    def record(**changes: object) -> ClassRecord:
        values: dict[str, object] = {"label": "a", "tensors": {"x": torch.ones(2)}, **changes}
        return ClassRecord(**values)  # type: ignore[arg-type]

    plain = record()
    assert plain.digest() == record(id=new_record_id(), slot=3).digest()
    others = [
        record(label="b"),
        record(subject="a"),
        record(partner="a"),
        record(tensors={"y": torch.ones(2)}),
        record(tensors={"x": torch.ones(2, dtype=torch.float64)}),
        record(tensors={"x": torch.ones(1, 2)}),
        record(tensors={"x": torch.tensor([1.0, 1.0000001])}),
    ]
    assert len({plain.digest(), *(other.digest() for other in others)}) == 8


def test_who_is_concerned() -> None:
    pair = ClassRecord("a", {}, partner="b", subject="Ada")
    assert pair.concerns("a")
    assert pair.concerns("b")
    assert not pair.concerns("Ada")
    assert "Ada" not in repr(pair)
