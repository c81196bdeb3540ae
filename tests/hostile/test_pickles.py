"""Pickles in tars, tables and arrays: none is decoded, whatever it is called and wherever it lies."""

from __future__ import annotations

import io
import pickle
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from preforget.data.dataset import Split
from preforget.data.images import read_batch
from preforget.data.load import load_data
from preforget.data.vectors import Vectors

from .conftest import Case, Range
from .test_data_files import Payload

LABELS = ["cat", "dog"] * 12
ENDINGS = ("pyd", "pickle", "pkl", "pth", "pt", "npy", "npz", "ten", "json", "txt", "who", "cls", "png", "mp")


@pytest.fixture
def mark(firing_range: Range) -> Path:
    """The folder that appears if a payload is ever decoded, which this fixture has seen to work."""
    mark = firing_range.work / "executed"
    for protocol in range(6):
        pickle.loads(pickle.dumps(Payload(mark), protocol))
        mark.rmdir()
    return mark


def picture(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def as_array(payload: Any) -> bytes:
    made = io.BytesIO()
    np.save(made, np.array([payload] * len(LABELS), dtype=object), allow_pickle=True)
    return made.getvalue()


def use(path: Path, **options: Any) -> Callable[[], object]:
    """Return what loads a data set and reads all that it holds."""

    def read(part: Split) -> None:
        if not isinstance(part.inputs, Vectors) and len(part):
            read_batch(part.inputs, range(len(part)), 8)

    def do() -> None:
        data = load_data(path, **options)
        for part in (data.train, data.validation, data.test):
            read(part)

    return do


def tars(work: Path, payload: Payload) -> Iterator[Case]:
    path = work / "samples.tar"
    for ending in ENDINGS:
        for content in (pickle.dumps(payload, 0), pickle.dumps(payload), as_array(payload)):
            with tarfile.open(path, "w") as archive:
                for number, label in enumerate(LABELS):
                    sample = {"png": picture(number), "cls": label.encode(), "who": b"Kim", ending: content}
                    for name, member in sample.items():
                        entry = tarfile.TarInfo(f"{number:03}.{name}")
                        entry.size = len(member)
                        archive.addfile(entry, io.BytesIO(member))
            yield "tar", f".{ending}: {content[:9]!r}", use(path, subjects="who")


def tables(work: Path, payload: Payload) -> Iterator[Case]:
    content = pickle.dumps(payload)
    pictures = [{"bytes": picture(n), "path": None} for n in range(len(LABELS))]
    plain: dict[str, Any] = {"image": pictures, "label": LABELS}
    vectors: dict[str, Any] = {"embedding": [[1.0, float(n)] for n in range(len(LABELS))], "label": LABELS}
    pickles = [content] * len(LABELS)
    cells = [{"bytes": content, "path": None}] * len(LABELS)
    columns: list[dict[str, Any]] = [
        {**plain, "image": cells},
        {**plain, "image": pickles},
        *(
            {**table, name: pickles}
            for table in (plain, vectors)
            for name in ("label", "extra", "who", "split")
        ),
        {**vectors, "embedding": pickles},
        {"n0": pickles, "n1": [0.5] * len(LABELS), "label": LABELS},
        {"path": pickles, "label": LABELS},
        {"text": pickles, "label": LABELS},
    ]
    made = [pyarrow.table(given) for given in columns]
    # what PyArrow before 14.0.1 unpickled on opening a file (CVE-2023-47248), in every column of another table
    named = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": content}
    for given in (plain, vectors):
        table = pyarrow.table({**given, "extra": LABELS})
        fields = [field.with_metadata(named) for field in table.schema]
        notes = {b"pandas": content, b"huggingface": content}
        made += [table.cast(pyarrow.schema(fields)), table.replace_schema_metadata(notes)]
    path = work / "table.parquet"
    for number, table in enumerate(made):
        parquet.write_table(table, path, row_group_size=7)
        for options in ({}, {"subjects": "who"}, {"subjects": "extra"}):
            yield "table", f"{number}: {table.column_names}, {options}", use(path, **options)


def arrays(work: Path, payload: Payload) -> Iterator[Case]:
    X, objects = np.zeros((len(LABELS), 2)), np.array([payload] * len(LABELS), dtype=object)
    good = {"X": X, "y": np.array(LABELS), "who": np.array(["Kim"] * len(LABELS))}
    for name in good:
        np.savez(work / "vectors.npz", **{**good, name: objects})  # type: ignore[arg-type]
        yield "arrays", name, use(work / "vectors.npz", subjects="who")
    for vectors, labels in ((X, objects), (objects, np.array(LABELS))):
        np.save(work / "v.npy", vectors, allow_pickle=True)
        np.save(work / "v.labels.npy", labels, allow_pickle=True)
        yield "arrays", "beside each other", use(work / "v.npy")
    for name in ("v.npy", "vectors.npz"):
        (work / name).write_bytes(pickle.dumps(payload))
        yield "arrays", f"{name} is a pickle", use(work / name)


@pytest.mark.parametrize("make", [tars, tables, arrays])
def test_no_pickle_is_decoded(firing_range: Range, mark: Path, make: Callable[..., Iterator[Case]]) -> None:
    parquet.write_table(
        pyarrow.table({"image": [{"bytes": picture(0)}] * 8, "label": ["a", "b"] * 4}), "/dev/null"
    )
    report = firing_range.attack(make(firing_range.work, Payload(mark)))
    assert not mark.exists()
    report.check(7)
    assert report.ends.keys() <= {"DataError", "well"}
