from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

import preforget.backbones.encoder
from preforget.backbones import Encoder
from preforget.data import Split
from preforget.data.dataset import Images, label_array
from preforget.engines.base import Session
from preforget.engines.reading import Reading, Walked
from preforget.engines.shards import Shard
from preforget.engines.shared_batches import (
    SHARED,
    batch_size,
    read_together,
    rows_are_independent,
    shared_rows,
)
from preforget.engines.summing import HELD_OUT_ROWS, sum_up
from preforget.records import UnitBank
from preforget.records.joined_units import put_together

from .conftest import pictures


@dataclass(frozen=True)
class OfTheBatch(Reading):
    """Rows that depend on the other inputs of their batch."""

    def rows(self, pixels: torch.Tensor, walked: Walked | None = None) -> torch.Tensor:
        rows = super().rows(pixels, walked)
        return rows - rows.double().mean(dim=0).round().to(torch.int16)


def test_rows_keep_their_bits_in_any_batch_of_one_size(tiny_encoder: Encoder) -> None:
    for views in ("", "h"):
        assert rows_are_independent(Reading(tiny_encoder, 1, 1, views))
    assert not rows_are_independent(OfTheBatch(tiny_encoder, 1, 1))


@pytest.mark.parametrize("most", [1, 2, 4])
def test_large_inputs_share_smaller_batches(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(
        preforget.backbones.encoder, "LARGE", most * tiny_encoder.tokens * tiny_encoder.dim // SHARED
    )
    reading, images = Reading(tiny_encoder, 1, 1), pictures(11, seed=4)
    assert batch_size(reading) == max(2, most)
    assert rows_are_independent(reading)
    assert not rows_are_independent(OfTheBatch(tiny_encoder, 1, 1))
    read = dict(read_together(reading, [(images, [7])]))
    many = torch.cat([rows for _, rows in read_together(reading, [(images, range(11))])])
    assert torch.equal(many[7:8], read[0])


def test_parts_are_read_in_order_whatever_they_share_a_batch_with(tiny_encoder: Encoder) -> None:
    reading, images = Reading(tiny_encoder, 1, 1, "h"), pictures(SHARED + 5, seed=4)
    parts: list[tuple[Images, list[int]]] = [(images, [7]), (images, []), (images, list(range(SHARED + 5)))]
    read = list(read_together(reading, parts))
    assert [number for number, _ in read] == [0, 2, 2]
    assert torch.equal(torch.cat([rows for _, rows in read[1:]])[14:16], read[0][1])
    alone = shared_rows(reading, tiny_encoder.read(images, [7]))
    assert torch.equal(alone.flatten(0, 1), read[0][1])


@pytest.mark.parametrize("count", [1, 3, 7])
@pytest.mark.parametrize("kind", [Reading, OfTheBatch])
def test_shards_make_the_bits_of_one_pass(tiny_encoder: Encoder, kind: type[Reading], count: int) -> None:
    split = Split(
        pictures(300, seed=2), label_array(["a"] * 200 + ["b"] * 100), label_array(list("KL") * 150)
    )
    reading, held_out = kind(tiny_encoder, 1, 1), split.select(range(0, 300, 7))
    whole, joined = UnitBank(reading.layout), UnitBank(reading.layout)
    put_together(whole, sum_up(reading, split, held_out, Session()), HELD_OUT_ROWS)
    for number in range(1, count + 1):
        units = sum_up(reading, split, held_out, Session(), Shard(number, count))
        put_together(joined, units, HELD_OUT_ROWS)
    digests = [[unit.digest() for unit in bank.records()] for bank in (whole, joined)]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 4


@pytest.mark.parametrize("kind", [Reading, OfTheBatch])
def test_no_unit_depends_on_another(tiny_encoder: Encoder, kind: type[Reading]) -> None:
    def units(chosen: list[int]) -> dict[str, str]:
        whole = Split(pictures(40, seed=2), label_array(["a", "b"] * 20), label_array(list("KKLLM") * 8))
        held_out = whole.select([row for row in chosen if row < 10])
        made = sum_up(kind(tiny_encoder, 1, 1), whole.select(chosen), held_out, Session())
        return {f"{unit.label}{unit.subject}": unit.digest() for unit in made}

    everyone = units(list(range(40)))
    without = units([row for row in range(40) if "KKLLM"[row % 5] != "L"])
    assert sorted(without) == ["aK", "aM", "bK", "bM"]
    assert without == {name: everyone[name] for name in without}
