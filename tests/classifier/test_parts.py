"""Parts of one learning, and the model that they make."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load, save

from preforget import PreForgettableClassifier
from preforget.classifier.parts import join_parts, learn_part
from preforget.core.errors import DataError, StoreError, UsageError
from preforget.engines.shards import Shard

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 6)) + np.repeat(np.eye(3, 6) * 4, 30, axis=0)
Y = np.repeat(["ant", "bee", "cat"], 30)
WHO = ["Kim", "Lee", "Max"] * 30


def unlearned(**options: object) -> PreForgettableClassifier:
    return PreForgettableClassifier("features", "exact", **options)


def digests(model: PreForgettableClassifier) -> list[str]:
    return sorted(record.digest() for record in model.engine_.records())


def parts(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"part-{number}-of-{count}" for number in range(1, count + 1)]
    for number, path in enumerate(paths, start=1):
        assert learn_part(unlearned(), path, Shard(number, count), X, Y, subjects=WHO) > 0
    return paths


@pytest.mark.parametrize("count", [1, 3, 7])
def test_parts_make_the_bits_of_one_machine(tmp_path: Path, count: int) -> None:
    whole = unlearned().fit(X, Y, subjects=WHO)
    joined = join_parts(parts(tmp_path, count)[::-1])
    assert digests(joined) == digests(whole)
    assert np.array_equal(joined.predict_proba(X), whole.predict_proba(X))
    joined.forget_subject("Lee")
    whole.forget_subject("Lee")
    assert digests(joined) == digests(whole)


def test_what_does_not_belong_together(tmp_path: Path) -> None:
    first, second, third = parts(tmp_path, 3)
    with pytest.raises(UsageError, match="part 2 of 3 is missing"):
        join_parts([first, third])
    with pytest.raises(UsageError, match="part 2 of 3 is given twice"):
        join_parts([first, second, second])
    other = tmp_path / "other"
    learn_part(unlearned(shrinkage=2.0), other, Shard(2, 3), X, Y, subjects=WHO)
    with pytest.raises(UsageError, match="parts of two learnings"):
        join_parts([first, other, third])
    with pytest.raises(StoreError, match="part-1-of-3 is there already"):
        learn_part(unlearned(), first, Shard(1, 3), X, Y, subjects=WHO)
    intact = first.read_bytes()
    first.write_bytes(intact[:-9])
    with pytest.raises(StoreError, match="part-1-of-3 is no part of a learning, or is damaged"):
        join_parts([first, second, third])
    # a processor that computes other bits can't be had here: its part has another digest of the same noise
    with safe_open(second, "numpy") as file:
        header = json.loads(file.metadata()["part"])
    first.write_bytes(save(load(intact), {"part": json.dumps({**header, "number": 1, "probe": "0" * 64})}))
    with pytest.raises(DataError, match="machines that compute other bits"):
        join_parts([first, second, third])


def test_engines_that_learn_no_sums(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the isolated engine can't learn in parts"):
        learn_part(PreForgettableClassifier("features", "isolated"), tmp_path / "p", Shard(1, 2), X, Y)
    assert not any(tmp_path.iterdir())
