"""Data sets of the library `datasets`: the real ones where it is installed, and others that offer the same."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from preforget import PreForgettableClassifier
from preforget.core.errors import DataError
from preforget.data import as_inputs, as_split
from preforget.data.cells import read_rows
from preforget.data.embedded import EmbeddedFile
from preforget.data.hf_dataset import is_dataset, refuse_parts, split_of
from preforget.data.sounds import read_sound

from ..forked import Forked

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


class Column:
    def __init__(self, source: Rows, column_name: str) -> None:
        self.source, self.column_name = source, column_name

    def __len__(self) -> int:
        return len(self.source)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.source[self.column_name])


def test_a_column_by_itself_and_rows_that_hold_files() -> None:
    pictures = Castable({"pic": PICTURES}, {"pic": Image_()})
    names = Rows({"y": ["ant", "bee"] * 4}, {})
    split = as_split(Column(pictures, "pic"), Column(names, "y"), Column(names, "y"))
    assert split.labels.tolist() == split.subjects.tolist() == ["ant", "bee"] * 4
    rows = [{"bytes": png(picture), "path": "a.png"} for picture in PICTURES]
    for inputs in (
        split.inputs,
        as_inputs(rows),
        as_inputs(np.array(rows)),
        as_inputs([r["bytes"] for r in rows]),
    ):
        decoded = [np.array(Image.open(io.BytesIO(file.content))) for file in inputs]
        assert all(np.array_equal(a, np.array(b)) for a, b in zip(decoded, PICTURES, strict=True))
    with pytest.raises(DataError, match="the input at position 1 is missing; leave it out"):
        as_inputs([rows[0], None])


HAS_DATASETS = importlib.util.find_spec("datasets") is not None


@pytest.mark.skipif(not HAS_DATASETS, reason="datasets is not installed")
def test_the_real_library_with_pictures(tmp_path: Path) -> None:
    def read() -> None:
        import datasets

        features = datasets.Features(
            {"image": datasets.Image(), "label": datasets.ClassLabel(names=["ant", "bee"])}
        )
        rows = datasets.Dataset.from_dict({"image": PICTURES, "label": [0, 1] * 4}, features=features)
        split = as_split(rows)
        assert split.labels.tolist() == ["ant", "bee"] * 4
        for inputs in (split.inputs, as_inputs(rows["image"]), as_inputs(rows.to_pandas()["image"])):
            decoded = [np.array(Image.open(io.BytesIO(file.content))) for file in inputs]
            assert all(np.array_equal(a, np.array(b)) for a, b in zip(decoded, PICTURES, strict=True))
        assert as_split(rows["image"], rows["label"]).labels.tolist() == ["0", "1"] * 4
        rows.to_parquet(str(tmp_path / "t.parquet"))
        table = read_rows(tmp_path / "t.parquet")
        assert [row["label"] for _, row in table.lines] == ["ant", "bee"] * 4
        assert len(table.files) == 8

    child = Forked(read)  # the library changes how others pickle and log
    assert child.wait() == 0, child.said()


@pytest.mark.skipif(not HAS_DATASETS, reason="datasets is not installed")
@pytest.mark.parametrize("as_bytes", [False, True])
def test_the_real_library_with_sounds(tmp_path: Path, as_bytes: bool) -> None:
    """Without torchcodec, by which the library itself decodes sounds."""
    files = [tmp_path / f"{number}.flac" for number in range(4)]
    for number, file in enumerate(files):
        soundfile.write(file, 0.4 * np.sin(np.arange(8000) / (9 + number)), 16000)

    def read() -> None:
        import datasets

        cells = [{"bytes": file.read_bytes() if as_bytes else None, "path": str(file)} for file in files]
        rows = datasets.Dataset.from_dict({"clip": cells, "label": ["low", "high"] * 2})
        rows = rows.cast_column("clip", datasets.Audio(sampling_rate=16000))
        for inputs in (as_split(rows).inputs, as_inputs(rows["clip"])):
            assert [isinstance(file, EmbeddedFile) for file in inputs] == [as_bytes] * 4
            waves = [read_sound(file, 16000) for file in inputs]
            assert all(np.array_equal(w, read_sound(f, 16000)) for w, f in zip(waves, files, strict=True))

    child = Forked(read)
    assert child.wait() == 0, child.said()
