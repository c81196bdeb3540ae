from __future__ import annotations

from pathlib import Path

import pytest
import torch

from preforget.backbones import Encoder, load_backbone
from preforget.baselines import LoraHead, read_once
from preforget.baselines.read_once import ReadSplit, opened
from preforget.data.dataset import Split
from preforget.engines.base import Session

from .conftest import same


def test_by_hand_states_are_the_embedding(tiny_encoder: Encoder, train: Split) -> None:
    with read_once(tiny_encoder, train) as (read,):
        assert read.cache is not None
        found = read.cache.get(torch.tensor([3, 0]))[:, 0]
        expected = tiny_encoder.embed(tiny_encoder.read(train.inputs, [3, 0]))
        torch.testing.assert_close(found, expected)
        assert (read.labels == train.labels).all()
        assert read.inputs is train.inputs


def test_a_cache_is_used_again_and_stays_open(tiny_encoder: Encoder, train: Split) -> None:
    with read_once(tiny_encoder, train) as (read,):
        for _ in range(2):
            with opened(tiny_encoder, read, Session()) as cache:
                assert cache is read.cache
        assert cache.get(torch.tensor([0])).shape[0] == 1
    with pytest.raises(ValueError, match="closed"):
        cache.get(torch.tensor([0]))


def test_another_encoder_reads_for_itself(tiny_vit: Path, tiny_encoder: Encoder, train: Split) -> None:
    other = load_backbone(str(tiny_vit), device="cpu", dtype="float32")
    with read_once(tiny_encoder, train) as (read,), opened(other, read, Session()) as cache:
        assert cache is not read.cache


def test_a_part_is_an_ordinary_split(tiny_encoder: Encoder, train: Split) -> None:
    with read_once(tiny_encoder, train) as (read,):
        assert not isinstance(read.only("red"), ReadSplit)


def test_learning_takes_it_up(
    tiny_encoder: Encoder, train: Split, original: LoraHead, tmp_path: Path
) -> None:
    model = LoraHead(tiny_encoder, original.config)
    with read_once(tiny_encoder, train, cache_dir=tmp_path) as (read,):
        model.learn(read, Session())
    assert same(model, original)
    assert list(tmp_path.iterdir()) == []
