"""Vectors in Parquet tables, read by row groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from preforget.core.errors import DataError
from preforget.data import load_data
from preforget.data.parquet_vectors import Chosen, holds_numbers, read_vectors_of
from preforget.data.vectors import Vectors

ROWS = np.random.default_rng(0).normal(size=(23, 3)).astype(np.float32)
LABELS = [["cat", "dog"][n % 2] for n in range(23)]


def write(path: Path, lists: bool) -> Path:
    if lists:
        table = pyarrow.table({"embedding": ROWS.tolist(), "label": LABELS})
    else:
        table = pyarrow.table({**{f"n{i}": ROWS[:, i] for i in range(3)}, "label": LABELS, "who": LABELS})
    parquet.write_table(table, path, row_group_size=5)
    return path


@pytest.mark.parametrize("lists", [True, False])
def test_rows_come_as_they_are(tmp_path: Path, lists: bool) -> None:
    path = write(tmp_path / "t.parquet", lists)
    chosen = Chosen("label", None, None, ["n0", "n1", "n2"], "embedding" if lists else None)
    assert holds_numbers(path, chosen)
    read = read_vectors_of(path, chosen)
    assert np.array_equal(read.rows, ROWS)
    assert read.rows.dtype == (np.float64 if lists else np.float32)
    assert read.cells == {"label": LABELS}
    data = load_data(path, subjects=None if lists else "who")
    assert data.classes == ("cat", "dog")
    assert isinstance(data.train.inputs, Vectors)
    assert len(data.train) + len(data.validation) + len(data.test) == 23
    assert (data.train.subjects is None) == lists


def test_vectors_of_several_lengths(tmp_path: Path) -> None:
    table = pyarrow.table({"embedding": [[1.0], [1.0, 2.0], [3.0]], "label": ["a", "b", "a"]})
    parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(DataError, match="several lengths"):
        load_data(tmp_path / "t.parquet")
