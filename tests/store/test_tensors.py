from __future__ import annotations

import contextlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from preforget.core.errors import StoreError
from preforget.records import ClassRecord
from preforget.store.tensors import record_from_bytes, record_to_bytes, tensors_from_bytes, tensors_to_bytes


@given(label=st.text(min_size=1), slot=st.integers(0, 2**16 - 1))
def test_records_there_and_back(label: str, slot: int) -> None:
    packed = torch.rand(4, 3, 5)
    record = ClassRecord(label, {"prompt": packed[1], "turned": packed[2].T, "bias": torch.tensor(0.5)}, slot)
    content = record_to_bytes(record)
    back = record_from_bytes(record.id, content)
    assert (back.label, back.slot, back.id) == (label, slot, record.id)
    assert back.tensors.keys() == record.tensors.keys()
    assert all(torch.equal(back.tensors[name], record.tensors[name]) for name in record.tensors)


def test_a_unit_and_a_pair_there_and_back() -> None:
    tensors = {"a": torch.arange(3, dtype=torch.int16), "b": torch.rand(2, dtype=torch.float64)}
    for record in (ClassRecord("a", tensors, subject="Ada"), ClassRecord("a", tensors, partner="b")):
        back = record_from_bytes(record.id, record_to_bytes(record))
        assert (back.label, back.slot, back.id) == ("a", None, record.id)
        assert (back.subject, back.partner) == (record.subject, record.partner)
        assert back.digest() == record.digest()


def test_a_view_takes_no_neighbour_along() -> None:
    packed = torch.rand(8, 3, 16)
    content = record_to_bytes(ClassRecord("a", {"prompt": packed[1]}, 1))
    assert packed[1].numpy().tobytes() in content
    assert packed[2].numpy().tobytes() not in content
    assert len(content) < 3 * 16 * 4 + 300


@pytest.mark.parametrize("tensors", [{}, {"a": torch.zeros(2, 3, dtype=torch.bfloat16), "b": torch.ones(())}])
def test_shared_tensors_there_and_back(tensors: dict[str, torch.Tensor]) -> None:
    back = tensors_from_bytes(tensors_to_bytes(tensors), "shared")
    assert back.keys() == tensors.keys()
    assert all(torch.equal(back[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"slot": "1"},
        {"label": "a", "slot": "None"},
        {"label": "a", "slot": "1.5"},
    ],
)
def test_a_header_without_a_label_or_with_a_bad_slot(metadata: dict[str, str] | None) -> None:
    with pytest.raises(
        StoreError, match="record 7 is damaged: its header lacks a label, or its slot is no number"
    ):
        record_from_bytes("7", save({"a": torch.zeros(1)}, metadata=metadata))


@given(st.data())
def test_any_damage_is_a_store_error_or_harmless(data: st.DataObject) -> None:
    content = bytearray(record_to_bytes(ClassRecord("a", {"prompt": torch.zeros(2, 3)}, 1)))
    kind = data.draw(st.sampled_from(["flip", "cut", "grow"]))
    place = data.draw(st.integers(0, len(content) - 1))
    if kind == "flip":
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    elif kind == "cut":
        del content[place:]
    else:
        content += bytes(place + 1)
    with contextlib.suppress(StoreError):
        assert record_from_bytes("7", bytes(content)).id == "7"
