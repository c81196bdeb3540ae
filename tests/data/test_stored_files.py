"""Pictures in the cells of a Parquet table, of which one row group is in memory at a time."""

from __future__ import annotations

import pickle
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from preforget.core.errors import DataError
from preforget.data import load_data
from preforget.data.stored_files import CellFile, TarMember

from .test_tars import Bomb, picture


def write_table(path: Path) -> Path:
    rows = [
        {"image": {"bytes": picture(n), "path": None}, "label": ["cat", "dog"][n % 2], "extra": b"\x80"}
        for n in range(24)
    ]
    rows[3]["extra"] = pickle.dumps(Bomb(path.with_name("trace")))
    parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=5)
    return path


def test_pictures_stay_in_the_table(tmp_path: Path) -> None:
    table = write_table(tmp_path / "pets.parquet")
    data = load_data(table)
    assert data.classes == ("cat", "dog")
    for part in (data.train, data.validation, data.test):
        for path in part.paths:
            assert isinstance(path, CellFile)
            number = int(path.stem) - 1
            assert path.content == picture(number)
            assert pickle.loads(pickle.dumps(path)).content == picture(number)  # in a worker
    assert not (tmp_path / "trace").exists()
    address = load_data(f"file://{table}")
    assert address.train.paths[0].content == data.train.paths[0].content


def test_what_was_changed_since_is_found(tmp_path: Path) -> None:
    cell = CellFile.within(tmp_path / "x", (str(tmp_path / "gone.parquet"), "image", 0, 0))
    with pytest.raises(DataError, match="can't be read from its table"):
        _ = cell.content
    (tmp_path / "a.tar").write_bytes(b"0123")
    member = TarMember.within("a.tar/x", (str(tmp_path / "a.tar"), 2, 9))
    with pytest.raises(DataError, match="its tar ends before it"):
        _ = member.content
