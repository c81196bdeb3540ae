"""Learning in two processes of torch.distributed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from preforget.classifier.together import fit_together, process_group
from preforget.core.errors import DataError, UsageError

from .test_parts import WHO, X, Y, digests, unlearned


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    model = fit_together(unlearned(), X, Y, subjects=WHO)
    Path(folder, str(rank)).write_text("\n".join(digests(model)))
    with pytest.raises(DataError, match="other data, other options"):
        fit_together(unlearned(shrinkage=rank + 1.0), X, Y, subjects=WHO)
    dist.destroy_process_group()


@pytest.mark.cluster
def test_both_have_the_bits_of_one(tmp_path: Path) -> None:
    mp.start_processes(work, (str(tmp_path),), nprocs=2, start_method="fork")
    expected = digests(unlearned().fit(X, Y, subjects=WHO))
    assert [Path(tmp_path, name).read_text().split("\n") for name in "01"] == [expected, expected]


def test_a_process_that_torchrun_has_not_started() -> None:
    assert "MASTER_ADDR" not in os.environ
    with pytest.raises(UsageError, match="torchrun --nproc-per-node 2"), process_group():
        pass
