"""Data sets of the library `datasets`: the real ones where it is installed, and others that offer the same."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from preforget import PreForgettableClassifier
from preforget.core.errors import DataError
from preforget.data import as_inputs, as_split
from preforget.data.embedded import EmbeddedFile
from preforget.data.hf_dataset import is_dataset, refuse_parts, split_of

PICTURES = [Image.new("RGB", (8, 8 + n % 2), (20 * n, 0, 200 - 20 * n)) for n in range(8)]


def png(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


class ClassLabel:
    def __init__(self, names: list[str]) -> None:
        self.names = names


class Image_:  # noqa: N801
    def __init__(self, decode: bool = True) -> None:
        self.decode = decode


Image_.__name__ = "Image"


class Rows:
    """Offers what a `Dataset` offers."""

    def __init__(self, columns: dict[str, list[Any]], features: dict[str, Any]) -> None:
        self.columns, self.features, self.column_names = columns, features, [*columns]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, name: str) -> list[Any]:
        return self.columns[name]


class Castable(Rows):
    def cast_column(self, name: str, feature: Any) -> Rows:
        assert feature.decode is False
        files = [{"bytes": png(picture), "path": None} for picture in self.columns[name]]
        return Rows({**self.columns, name: files}, {**self.features, name: feature})


def test_files_and_names_of_classes() -> None:
    rows = Castable(
        {"id": [*range(8)], "pic": PICTURES, "y": [0, 1] * 4},
        {"pic": Image_(), "y": ClassLabel(["ant", "bee"]), "id": 1},
    )
    assert is_dataset(rows)
    split = as_split(rows)
    assert split.labels.tolist() == ["ant", "bee"] * 4
    assert all(isinstance(file, EmbeddedFile) for file in split.inputs)
    assert len(as_inputs(rows)) == 8


def test_pictures_of_pillow_and_names_of_columns() -> None:
    rows = Rows(
        {"img": [p.resize((8, 8)) for p in PICTURES], "label": [3, 4] * 4}, {"img": None, "label": None}
    )
    split = as_split(rows)
    assert split.inputs.shape == (8, 8, 8, 3)
    assert split.labels.tolist() == ["3", "4"] * 4


@pytest.mark.parametrize(
    ("columns", "features", "message"),
    [
        ({"a": [1], "b": [2]}, {}, "which column of the data set holds the labels: it has a, b"),
        ({"image": PICTURES[:1], "y": [-1]}, {"y": ClassLabel(["a"])}, "numbers that are no class"),
        ({"x": PICTURES[:1], "label": [1]}, {}, "holds the inputs"),
    ],
)
def test_what_is_not_clear(columns: dict[str, list[Any]], features: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        split_of(Rows(columns, features))


def test_a_classifier_takes_them(tmp_path: Path) -> None:
    names = ClassLabel(["ant", "bee"])
    rows = Castable({"image": PICTURES, "label": [0, 1] * 4}, {"image": Image_(), "label": names})
    model = PreForgettableClassifier("builtin", "exact", 32, device="cpu")
    model.fit(rows, validation=rows)
    assert model.classes_.tolist() == ["ant", "bee"]
    assert len(model.predict(rows)) == 8
    assert model.evaluate(rows).accuracy > 0.5


def test_vectors_in_a_column() -> None:
    rows = Rows({"embedding": [[1.0, 2.0], [3.0, 4.0]], "label": ["a", "b"]}, {"embedding": 1, "label": 1})
    assert as_split(rows, kind="vectors").inputs.values.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_several_parts_and_streams_are_no_data_set() -> None:
    rows = Rows({"label": ["a"]}, {})
    with pytest.raises(
        DataError, match=r"these are 2 data sets \(train, test\); give one of them, such as ds\['train'"
    ):
        refuse_parts({"train": rows, "test": rows})
    stream = SimpleNamespace(column_names=["label"], features={})
    model = PreForgettableClassifier("builtin", "exact", 32, device="cpu")
    with pytest.raises(DataError, match="is a stream, which has no length"):
        model.fit(stream)
    refuse_parts({"image": [1]})


def test_the_real_library(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["ant", "bee"])}
    )
    rows = datasets.Dataset.from_dict({"image": PICTURES, "label": [0, 1] * 4}, features=features)
    split = as_split(rows)
    assert split.labels.tolist() == ["ant", "bee"] * 4
    decoded = [np.array(Image.open(io.BytesIO(file.content))) for file in split.inputs]
    assert all(np.array_equal(a, np.array(b)) for a, b in zip(decoded, PICTURES, strict=True))
    rows.to_parquet(str(tmp_path / "t.parquet"))
    from preforget.data.cells import read_rows

    table = read_rows(tmp_path / "t.parquet")
    assert [row["label"] for _, row in table.lines] == ["ant", "bee"] * 4
    assert len(table.files) == 8
