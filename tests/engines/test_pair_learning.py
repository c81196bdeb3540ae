from __future__ import annotations

from pathlib import Path

import pytest
import torch

from preforget.backbones import Encoder
from preforget.core.errors import DataError, StoreError
from preforget.engines.base import Session
from preforget.engines.exact import ExactEngine
from preforget.engines.options import Exact
from preforget.engines.pair_learning import learn_prompts
from preforget.engines.pair_records import has_prompt
from preforget.training.checkpoint import CheckpointFile

from .conftest import learnable

NAMES = ["ant", "bee", "cat"]
OPTIONS = Exact(levels=1, steps=2, images_per_class=2, lora_rank=1, pair_prompts=True)


def test_only_the_pairs_that_are_asked_for_get_prompts(tiny_encoder: Encoder) -> None:
    train = learnable(NAMES, 6, 0)
    engine = ExactEngine(tiny_encoder, Exact(levels=1, steps=2, images_per_class=2, lora_rank=1))
    engine.learn(train, learnable(NAMES, 2, 1), Session())
    learn_prompts(tiny_encoder, engine.recipe, engine.bank, train, [("ant", "cat")], Session())
    prompted = [pair for pair, record in engine.bank.pairs.items() if has_prompt(record)]
    assert prompted == [("ant", "cat")]
    with pytest.raises(DataError, match="hold none of 'cat'"):
        learn_prompts(
            tiny_encoder, engine.recipe, engine.bank, train.without("cat"), [("bee", "cat")], Session()
        )


class Interrupted(CheckpointFile):
    """A file whose writer is interrupted after it was written `times` times."""

    def __init__(self, path: Path, times: int) -> None:
        super().__init__(path)
        self.times = times

    def write(self, content: bytes) -> None:
        super().write(content)
        self.times -= 1
        if not self.times:
            raise KeyboardInterrupt


@pytest.mark.parametrize("written", [1, 2, 3])
def test_an_interrupted_learning_goes_on_and_ends_in_the_same_bits(
    tiny_encoder: Encoder, tmp_path: Path, written: int
) -> None:
    train, none_held_out = (
        learnable(NAMES, 6, 0),
        learnable(["other"], 2, 1),
    )  # so every pair counts as confused
    whole, cut_off, resumed, other = (ExactEngine(tiny_encoder, OPTIONS) for _ in range(4))
    whole.learn(train, none_held_out, Session())
    assert whole.prompted == 3
    with pytest.raises(KeyboardInterrupt):
        cut_off.learn(train, none_held_out, Session(checkpoint=Interrupted(tmp_path / "file", written)))
    with pytest.raises(StoreError, match="other options or data"):
        other.learn(learnable(NAMES, 6, 5), none_held_out, Session(checkpoint=tmp_path / "file"))

    counted = Interrupted(tmp_path / "file", 99)
    resumed.learn(train, none_held_out, Session(checkpoint=counted))
    assert 99 - counted.times == 3 - written
    for one, two in zip(whole.records(), resumed.records(), strict=True):
        assert one.tensors.keys() == two.tensors.keys()
        assert all(torch.equal(one.tensors[name], two.tensors[name]) for name in one.tensors)
    assert not any(name.encode() in (tmp_path / "file").read_bytes() for name in NAMES)


def test_without_prompts_there_is_no_checkpoint(tiny_encoder: Encoder, tmp_path: Path) -> None:
    train = learnable(NAMES, 6, 0)
    ExactEngine(tiny_encoder, Exact(levels=1)).learn(train, train, Session(checkpoint=tmp_path / "file"))
    assert not (tmp_path / "file").exists()
