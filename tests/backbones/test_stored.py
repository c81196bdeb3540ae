from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from preforget.backbones.stored import Settings, Stored, read_stored
from preforget.core.errors import BackboneError

TENSORS = {
    "m.a.weight": torch.ones(2, 3, dtype=torch.float16),
    "m.b.weight": torch.zeros(1, 3),
    "m.b.bias": torch.tensor([5.0]),
    "m.n.0.weight": torch.ones(3),
}


def test_maps_and_norms_by_name() -> None:
    stored = Stored("here", TENSORS, "m.")
    weight, bias = stored.linear("a", "b")
    assert (weight.dtype, weight.tolist(), bias.tolist()) == (
        torch.float32,
        [[1.0] * 3] * 2 + [[0.0] * 3],
        [0, 0, 5],
    )
    assert [len(part) for part in stored.norm("n.0")] == [3, 3]
    assert [len(part) for part in stored.norm("n.1")] == [0, 0]
    assert stored.count("n.{}.weight") == 1
    with pytest.raises(
        BackboneError, match=r"'here' lacks tensors of its architecture, the first: c\.weight"
    ):
        stored.linear("c")


def test_the_digest_is_of_what_was_used_alone() -> None:
    one, two = Stored("x", TENSORS, "m."), Stored("y", {**TENSORS, "m.other": torch.ones(1)}, "m.")
    one.get("a.weight"), two.get("a.weight")
    assert one.digest() == two.digest()
    two.get("b.bias")
    assert one.digest() != two.digest()


def test_the_first_base_that_fits_is_taken(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    assert read_stored(str(tmp_path), None, ("", "m."), "a.weight").base == "m."
    with pytest.raises(BackboneError, match="lacks tensors of its architecture, the first: z"):
        read_stored(str(tmp_path), None, ("", "m."), "z")


@pytest.mark.parametrize("value", [0, True, "4", 2.0, None])
def test_settings_are_checked(value: object) -> None:
    settings = Settings("here", {"heads": value})
    with pytest.raises(BackboneError, match=r"'here': heads in config.json must be a whole number"):
        settings.whole("heads", 3)
    assert settings.whole("layers", 3) == 3
    assert Settings("here", {"eps": 1}).number("eps", 2) == 1.0
