"""Units of two processes of torch.distributed, put together by gloo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from preforget.backbones.vectors import vector_encoder
from preforget.data import Split
from preforget.data.vectors import Vectors
from preforget.engines import all_reduce
from preforget.engines.all_reduce import gathered, joined_everywhere
from preforget.engines.base import Session
from preforget.engines.reading import Reading
from preforget.engines.shards import Shard
from preforget.engines.summing import HELD_OUT_ROWS, sum_up

pytestmark = pytest.mark.cluster
FEATURES = 6


def parts() -> tuple[Split, Split]:
    """One class of many inputs, which become sums, one of few, and persons."""
    rng = np.random.default_rng(0)
    labels = ["many"] * 400 + ["few"] * 7 + ["many"] * 9 + ["single"]
    who = ["Kim"] * 400 + ["Lee"] * 3 + ["Max"] * 4 + ["Lee"] * 9 + ["Kim"]
    rows = Vectors(rng.normal(size=(len(labels), FEATURES)).astype(np.float32))
    split = Split(rows, labels, who)
    return split, split.select(range(390, 417))


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    assert gathered(b"a" * rank * 9) == [b"", b"a" * 9]
    reading = Reading(vector_encoder(FEATURES), 1)
    units = sum_up(reading, *parts(), Session(), Shard(rank + 1, 2))
    for number, buffer in enumerate((2**22, 1)):
        all_reduce.BUFFER = buffer  # in this process, which ends with the test
        joined = joined_everywhere(units, reading.layout, HELD_OUT_ROWS)
        Path(folder, f"{rank}-{number}").write_text("\n".join(unit.digest() for unit in joined))
    dist.destroy_process_group()


def test_two_processes_give_the_bits_of_one(tmp_path: Path) -> None:
    mp.start_processes(work, (str(tmp_path),), nprocs=2, start_method="fork")
    reading = Reading(vector_encoder(FEATURES), 1)
    units = sum_up(reading, *parts(), Session())
    assert {*units[2].tensors} > {"scatter"}
    expected = "\n".join(unit.digest() for unit in units)
    for name in ("0-0", "0-1", "1-0", "1-1"):
        assert Path(tmp_path, name).read_text() == expected
