"""The checkpoint beside a model that is to be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from preforget.core.errors import StoreError
from preforget.training.resuming import checkpoint_beside


def test_ctrl_c_before_the_first_epoch_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt, match="nothing is left"),
        checkpoint_beside(tmp_path / "new" / "model"),
    ):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_checkpoint_folder_would_be(tmp_path: Path) -> None:
    (tmp_path / "model.learning").write_text("mine")
    with pytest.raises(StoreError, match="can't be written"), checkpoint_beside(tmp_path / "model"):
        pass
    assert (tmp_path / "model.learning").read_text() == "mine"


def test_what_is_there_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "model.learning"
    folder.mkdir()
    (folder / "checkpoint.safetensors").write_bytes(b"learned so far")
    (folder / ".writing-cut-off").write_bytes(b"half")
    told: list[str] = []
    with (
        pytest.raises(KeyboardInterrupt, match="a checkpoint is left"),
        checkpoint_beside(tmp_path / "model", told.append),
    ):
        raise KeyboardInterrupt
    assert told == [f"going on from the checkpoint {folder / 'checkpoint.safetensors'}"]
    assert [path.name for path in folder.iterdir()] == ["checkpoint.safetensors"]
