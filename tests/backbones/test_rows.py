from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from preforget.backbones.rows import BlockRow
from preforget.backbones.stored import Stored
from preforget.core.errors import BackboneError

ROW = BlockRow(
    "l.{}.",
    "n1",
    ("q", "k", "v"),
    "o",
    "n2",
    (("fc1",), ("gate", "up")),
    ("fc2", "down"),
    (False, True),
    ("s1", "s2"),
)


def tensors(**changes: torch.Tensor) -> Stored:
    square, generator = (4, 4), torch.Generator().manual_seed(0)
    shapes = {**dict.fromkeys("qkvo", square), "fc1": (6, 4), "fc2": (4, 6), "n1": (4,), "n2": (4,)}
    named = {f"l.0.{n}.weight": torch.randn(s, generator=generator) for n, s in shapes.items()}
    return Stored("here", {**named, **changes})


def test_scales_are_folded_into_the_maps_before() -> None:
    plain = ROW.block(tensors(), 0, 2, 1e-6, "gelu")
    scales = {"l.0.s1": torch.full((4,), 2.0), "l.0.s2": torch.full((4,), 3.0)}
    scaled = ROW.block(tensors(**scales), 0, 2, 1e-6, "gelu")
    assert torch.equal(scaled.out_weight, 2 * plain.out_weight)
    assert torch.equal(scaled.fc2_weight, 3 * plain.fc2_weight)
    assert (plain.gated, ROW.check_depth(tensors(), 1)) == (False, 1)
    with pytest.raises(BackboneError, match="says 0 layers, and its weights have 1"):
        ROW.check_depth(tensors(), 0)


def test_a_gated_form_is_seen_by_its_names() -> None:
    named = dict(tensors().tensors)
    named = {n: t for n, t in named.items() if "fc" not in n}
    more = {
        "l.0.gate.weight": torch.ones(5, 4),
        "l.0.up.weight": torch.zeros(5, 4),
        "l.0.down.weight": torch.ones(4, 5),
    }
    block = ROW.block(Stored("here", {**named, **more}), 0, 2, 1e-6, "silu")
    assert block.gated
    assert block.fc1_weight.tolist() == [[1.0] * 4] * 5 + [[0.0] * 4] * 5


def test_shapes_must_fit_each_other() -> None:
    with pytest.raises(BackboneError, match="tensors of layer 0 don't fit each other"):
        ROW.block(tensors(**{"l.0.fc2.weight": torch.ones(4, 7)}), 0, 2, 1e-6, "gelu")
    with pytest.raises(BackboneError, match="width of 4 can't be divided among 3 heads"):
        replace(ROW, post=True).block(tensors(), 0, 3, 1e-6, "gelu")
