from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from preforget.backbones import Encoder
from preforget.data import Split
from preforget.data.dataset import label_array
from preforget.engines.base import Session
from preforget.engines.reading import Reading, Walked
from preforget.engines.shared_batches import SHARED, read_together, rows_are_independent, shared_rows
from preforget.engines.summing import sum_up

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


def test_parts_are_read_in_order_whatever_they_share_a_batch_with(tiny_encoder: Encoder) -> None:
    reading, images, counted = Reading(tiny_encoder, 1, 1, "h"), pictures(SHARED + 5, seed=4), [0]
    read = read_together(
        reading,
        [(images, [7]), (images, []), (images, list(range(SHARED + 5)))],
        lambda count: counted.append(count),
    )
    assert [len(rows) for rows in read] == [2, 0, 2 * (SHARED + 5)]
    assert sum(counted) == SHARED + 6
    assert torch.equal(read[2][14:16], read[0])
    alone = shared_rows(reading, tiny_encoder.read(images, [7]))
    assert torch.equal(alone.flatten(0, 1), read[0])


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


def test_what_is_left_over_of_a_large_unit(tiny_encoder: Encoder) -> None:
    images = pictures(131, seed=3)
    (unit,) = sum_up(
        Reading(tiny_encoder, 1, 1),
        Split(images, label_array(["a"] * 131)),
        Split(images[:1], label_array(["a"])),
        Session(),
    )
    reading = Reading(tiny_encoder, 1, 1)
    full = reading.rows(tiny_encoder.read(images, range(128)))
    rest = shared_rows(reading, tiny_encoder.read(images, range(128, 131))).flatten(0, 1)
    assert np.array_equal(unit.tensors["features"].numpy(), torch.cat([full, rest]).numpy())
