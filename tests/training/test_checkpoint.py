from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest
import torch
from torch import Tensor

from preforget.core.errors import StoreError
from preforget.training.adam import Adam
from preforget.training.checkpoint import Checkpoint

from ..forked import Forked


def stepped(seed: int = 0) -> tuple[dict[str, Tensor], Adam]:
    """Two parameters, one a scalar, after two steps of Adam."""
    generator = torch.Generator().manual_seed(seed)
    parameters = {
        "row": torch.randn(2, 3, generator=generator).requires_grad_(),
        "bias": torch.randn((), generator=generator).requires_grad_(),
    }
    optimizer = Adam(parameters.values(), 1e-3)
    for _ in range(2):
        optimizer.zero_grad()
        torch.autograd.backward(parameters["row"].square().sum() * parameters["bias"])
        optimizer.step()
    return parameters, optimizer


def test_there_and_back(tmp_path: Path) -> None:
    saved, optimizer = stepped()
    Checkpoint(tmp_path / "deep" / "file", "d").save(saved, optimizer, 7)
    loaded, other = stepped(seed=1)
    assert Checkpoint(tmp_path / "deep" / "file", "d").load(loaded, other) == 7
    for name in saved:
        assert torch.equal(saved[name], loaded[name])
        one, two = optimizer.state[saved[name]], other.state[loaded[name]]
        assert one.keys() == two.keys()
        assert all(torch.equal(one[key], two[key]) for key in one)


def test_tensors_and_words_without_an_optimizer(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "file", "d")
    assert checkpoint.read() == ({}, {})
    checkpoint.write({"0.row": torch.arange(3)}, note="so far")
    tensors, said = checkpoint.read()
    assert (tensors["0.row"].tolist(), said) == ([0, 1, 2], {"digest": "d", "note": "so far"})


def test_no_file_means_from_the_start(tmp_path: Path) -> None:
    assert Checkpoint(tmp_path / "file", "d").load(*stepped()) == 0


def test_removing_it_leaves_the_folder_to_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    checkpoint = Checkpoint(folder / "file", "d")
    checkpoint.save(*stepped(), 1)
    checkpoint.remove()
    checkpoint.remove()
    assert list(folder.iterdir()) == []


def test_another_learning_is_refused(tmp_path: Path) -> None:
    Checkpoint(tmp_path / "file", "one").save(*stepped(), 1)
    with pytest.raises(StoreError, match="other options or data"):
        Checkpoint(tmp_path / "file", "two").load(*stepped())


@pytest.mark.parametrize("damage", ["cut", "rubbish", "empty", "header only"])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "file"
    Checkpoint(path, "d").save(*stepped(), 1)
    content = path.read_bytes()
    damaged = {"cut": content[:-9], "rubbish": os.urandom(300), "empty": b"", "header only": content[:40]}
    path.write_bytes(damaged[damage])
    parameters, optimizer = stepped()
    before = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    with pytest.raises(StoreError, match="is damaged"):
        Checkpoint(path, "d").load(parameters, optimizer)
    assert all(torch.equal(before[name], parameters[name]) for name in before)


def test_a_place_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="can't be written"):
        Checkpoint(tmp_path / "file" / "inside", "d").save(*stepped(), 1)


def test_a_folder_in_its_place_is_found_before_learning(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        Checkpoint(tmp_path, "d").load(*stepped())


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "file"
    parameters = {"p": torch.ones(20_000, requires_grad=True)}
    optimizer, checkpoint = Adam(parameters.values(), 1e-3), Checkpoint(path, "d")
    checkpoint.save(parameters, optimizer, 1)

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        with pytest.raises(StoreError, match="can't be written: File too large"):
            checkpoint.save(parameters, optimizer, 2)

    child = Forked(fill)
    assert (child.wait(), child.said()) == (0, ("", ""))
    assert checkpoint.load(parameters, optimizer) == 1
    torch.autograd.backward(parameters["p"].sum())
    optimizer.step()  # goes on, though no step had been taken when it was saved
    assert list(tmp_path.iterdir()) == [path]
