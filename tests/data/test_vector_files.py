from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preforget.core.errors import DataError
from preforget.data import Vectors, load_data

X = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
Y = np.array(["up", "down"] * 20)


def test_arrays_with_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "all.npz", X=X, y=Y)
    data = load_data(tmp_path / "all.npz")
    assert data.classes == ("down", "up")
    assert isinstance(data.train.inputs, Vectors)
    assert len(data.train) + len(data.validation) + len(data.test) == 40
    assert any("copy" in remark for remark in data.remarks)


def test_arrays_of_three_parts_with_persons(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {}
    for part, rows in (("train", slice(0, 20)), ("test", slice(20, 40))):
        arrays |= {
            f"{part}_embeddings": X[rows],
            f"{part}_labels": np.arange(20) % 2,
            f"{part}_who": np.arange(20) % 4,
        }
    np.savez(tmp_path / "parts.npz", **arrays)
    with pytest.raises(DataError, match="4 persons are in several parts"):
        load_data(tmp_path / "parts.npz", subjects="who")
    data = load_data(tmp_path / "parts.npz", subjects="who", allow_duplicates=True)
    np.testing.assert_array_equal(data.test.inputs.values, X[20:])
    assert set(data.train.subjects) <= {"0", "1", "2", "3"}


@pytest.mark.parametrize("ending", ["txt", "npy"])
def test_an_array_with_labels_beside_it(tmp_path: Path, ending: str) -> None:
    np.save(tmp_path / "v.npy", X)
    if ending == "npy":
        np.save(tmp_path / "v.labels.npy", Y)
    else:
        (tmp_path / "v.labels.txt").write_text("\n".join(Y) + "\n")
    assert load_data(tmp_path / "v.npy").classes == ("down", "up")
    (tmp_path / f"v.labels.{ending}").unlink()
    with pytest.raises(DataError, match=r"its labels can't be read from v\.labels\.txt"):
        load_data(tmp_path / "v.npy")


def test_tables_of_numbers(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=[f"f{i}" for i in range(5)]).assign(label=Y)
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    pandas.DataFrame({"embedding": list(X), "label": Y}).to_parquet(tmp_path / "list.parquet")
    for name in ("t.csv", "t.parquet", "list.parquet"):
        data = load_data(tmp_path / name)
        rows = np.concatenate(
            [data.train.inputs.values, data.validation.inputs.values, data.test.inputs.values]
        )
        assert rows.shape == (40, 5)
        assert np.abs(np.sort(rows[:, 0]) - np.sort(X[:, 0])).max() < 1e-6, name


def test_what_can_not_be_used(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,label\n1.5,up\nx,down\n")
    with pytest.raises(DataError, match="line 3: holds something else than numbers"):
        load_data(tmp_path / "t.csv")
    np.savez(tmp_path / "short.npz", X=X, y=Y[:5])
    with pytest.raises(DataError, match="40 vectors but 5 labels"):
        load_data(tmp_path / "short.npz")
    np.savez(tmp_path / "object.npz", X=X, y=np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="can't be read as arrays"):
        load_data(tmp_path / "object.npz")
    (tmp_path / "p.csv").write_text("picture,label\na.png,up\n")
    with pytest.raises(DataError, match="has no column 'path'"):
        load_data(tmp_path / "p.csv")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros((4, 8, 8)), r"shape \(4, 8, 8\) holds no vectors .* an archive of images has train_images"),
        (np.full((4, 2), np.nan), "contains NaN"),
        (np.array([["a"], ["b"]] * 2), "numbers"),
    ],
)
def test_arrays_that_hold_no_vectors_are_named_with_their_file(
    tmp_path: Path, rows: np.ndarray, message: str
) -> None:
    np.savez(tmp_path / "all.npz", X=rows, y=["a", "b"] * 2)
    with pytest.raises(DataError, match=rf"all\.npz: .*{message}"):
        load_data(tmp_path / "all.npz")
