from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from preforget.core.errors import DataError
from preforget.data import as_inputs, load_data
from preforget.data.content import read_content
from preforget.data.digest import split_digest
from preforget.data.embedded import EmbeddedFile, embedded
from preforget.data.images import read_batch
from preforget.data.sounds import check_sound, read_sounds

PLACE = Path("t.parquet")


def png(shade: int, side: int = 4) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (side, side), (shade, shade, 0)).save(content, "PNG")
    return content.getvalue()


def wav(pitch: float) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, 0.3 * np.sin(np.arange(1600) * pitch), 8000, format="WAV")
    return content.getvalue()


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({"bytes": b"fLaC", "path": None}, "7.flac"),
        ({"bytes": b"x", "path": "a/b.png"}, "7-b.png"),
        ({"bytes": b"x", "path": "..\\b.png"}, "7-b.png"),
        (b"RIFF", "7.wav"),
        ({"bytes": None, "path": "b.png"}, None),
        ("text", None),
        (None, None),
    ],
)
def test_what_is_a_file(value: Any, name: str | None) -> None:
    file = embedded(value, PLACE, 7)
    assert (None if file is None else str(file)) == (None if name is None else str(PLACE / name))


def test_copies_and_other_processes_have_the_content() -> None:
    file = EmbeddedFile.at(PLACE, "a.png", png(9))
    for same in (copy.copy(file), copy.deepcopy(file), pickle.loads(pickle.dumps(file))):
        assert (same, same.content) == (file, file.content)
    assert read_content(file) == png(9)


def test_it_is_read_as_a_file_on_a_disk_is(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(9, 6))
    pictures = [tmp_path / "a.png", EmbeddedFile.at(PLACE, "a.png", png(9, 6))]
    first, second = read_batch(as_inputs(pictures), [0, 1], 4)
    np.testing.assert_array_equal(first, second)
    (tmp_path / "a.wav").write_bytes(wav(0.3))
    sounds = [tmp_path / "a.wav", EmbeddedFile.at(PLACE, "a", wav(0.3))]
    first, second = read_sounds(sounds, [0, 1], 8000, 0.1)
    np.testing.assert_array_equal(first, second)
    assert check_sound(sounds[0]) == check_sound(sounds[1])
    with pytest.raises(DataError, match="empty file"):
        check_sound(EmbeddedFile.at(PLACE, "a.wav", b""))


@pytest.mark.parametrize("make", [png, wav])
def test_a_parquet_table_with_whole_files(tmp_path: Path, make: Any) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    column = "image" if make is png else "audio"
    files = [make(10 * n) if make is png else make(0.2 + n / 99) for n in range(12)]
    values = [{"bytes": content, "path": None} for content in files]
    frame = pandas.DataFrame({column: values, "label": ["a", "b"] * 6})
    frame.to_parquet(tmp_path / "t.parquet")
    data = load_data(tmp_path / "t.parquet")
    assert [*data.classes] == ["a", "b"]
    assert len(data.train) + len(data.validation) + len(data.test) == 12
    assert {file.content for part in (data.train, data.validation, data.test) for file in part.inputs} == set(
        files
    )
    digest = split_digest(data.train)
    first = data.train.inputs[0]
    data.train.inputs[0] = EmbeddedFile.at(first.parent, first.name, files[0] + b"x")
    assert split_digest(data.train) != digest
    frame[column] = [{**value, "bytes": value["bytes"][:20]} for value in values]
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"12 of 12 files can't be used:\n.*t.parquet"):
        load_data(tmp_path / "t.parquet")
