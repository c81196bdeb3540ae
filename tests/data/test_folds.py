from __future__ import annotations

import os
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from preforget.core.errors import DataError, UsageError
from preforget.data import load_data
from preforget.data.folds import is_folded


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32(f"{path.parent.name}/{path.name}".encode())
    soundfile.write(path, np.random.default_rng(seed).uniform(-0.5, 0.5, 800), 8000)


@pytest.fixture
def urban(tmp_path: Path) -> Path:
    """Two classes, three folds, two recordings of two clips in each."""
    root = tmp_path / "UrbanSound8K"
    lines = ["slice_file_name,fsID,fold,classID,class"]
    for fold in (1, 2, 3):
        for place, label in enumerate(("dog_bark", "siren")):
            for recording in range(2):
                for take in range(2):
                    source = 100 * fold + 10 * place + recording
                    name = f"{source}-{place}-0-{take}.wav"
                    lines.append(f"{name},{source},{fold},{place},{label}")
                    write(root / "audio" / f"fold{fold}" / name)
    (root / "metadata").mkdir()
    (root / "metadata" / "UrbanSound8K.csv").write_text("\n".join(lines) + "\n")
    return root


def folds(paths: object) -> set[str]:
    assert isinstance(paths, list)
    return {path.parent.name for path in paths}


@pytest.mark.parametrize("fold", [1, 2, 3])
def test_the_official_fold_is_tested_on_and_nothing_else(urban: Path, fold: int) -> None:
    data = load_data(urban, fold=fold, seed=fold)
    assert data.classes == ("dog_bark", "siren")
    assert folds(data.test.inputs) == {f"fold{fold}"}
    assert len(data.test) == 8
    assert f"fold{fold}" not in folds(data.train.inputs) | folds(data.validation.inputs)
    assert len(data.train) + len(data.validation) == 16


def test_validation_takes_whole_recordings(urban: Path) -> None:
    data = load_data(urban)
    assert folds(data.test.inputs) == {"fold3"}  # the last, by default

    def recordings(paths: object) -> set[str]:
        assert isinstance(paths, list)
        return {path.name.split("-")[0] for path in paths}

    assert set(data.validation.labels) == {"dog_bark", "siren"}
    assert not recordings(data.train.inputs) & recordings(data.validation.inputs)


def test_some_folds_can_be_left_out(urban: Path) -> None:
    data = load_data(urban, fold=1, folds=[1, 2])
    assert folds(data.train.inputs) == {"fold2"}
    assert "tested on 1, learned from 2" in data.note


@pytest.mark.parametrize(
    ("fold", "used", "message"), [(7, None, "fold 7"), (1, [2, 3], "fold 1"), (1, [1], "one fold")]
)
def test_folds_that_are_not_there(urban: Path, fold: int, used: list[int] | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_data(urban, fold=fold, folds=used)


def test_broken_clips_are_named_or_listed(urban: Path) -> None:
    (urban / "audio" / "fold1" / "100-0-0-0.wav").write_bytes(b"")
    (urban / "audio" / "fold2" / "210-1-0-1.wav").unlink()
    with pytest.raises(DataError, match=r"2 of 24 files can't be used(?s:.*)100-0-0-0\.wav: empty"):
        load_data(urban)
    data = load_data(urban, skip_broken=True)
    assert {path.name: why for path, why in data.skipped} == {
        "210-1-0-1.wav": "no such file",
        "100-0-0-0.wav": "empty file",
    }
    assert len(data.train) + len(data.validation) + len(data.test) == 22


def test_subjects_are_a_column_of_the_table(urban: Path) -> None:
    data = load_data(urban, subjects="fsID")
    assert data.train.subjects is not None
    assert {path.name.split("-")[0] for path in data.train.inputs} == set(data.train.subjects)
    with pytest.raises(UsageError, match="has no column 'who' of subjects; it has slice_file_name, fsID"):
        load_data(urban, subjects="who")
    table = urban / "metadata" / "UrbanSound8K.csv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())  # as Excel saves it
    assert len(load_data(urban).train)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "has no column 'slice_file_name'"),
        ("slice_file_name,fsID,fold,class\n", "lists no clip"),
        ("slice_file_name,fsID,fold,class\na.wav,1,x,c\n", "fold 'x'"),
        ("slice_file_name,fsID,fold,class\na.wav,1,,c\n", "line 2 lacks"),
    ],
)
def test_another_table_is_refused(urban: Path, text: str, message: str) -> None:
    (urban / "metadata" / "UrbanSound8K.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        load_data(urban)


@pytest.mark.parametrize(
    ("name", "classes"), [("ESC-50-master", ("dog", "rain", "wind")), ("ESC-10", ("dog", "rain"))]
)
def test_the_layout_of_esc(tmp_path: Path, name: str, classes: tuple[str, ...]) -> None:
    root = tmp_path / name
    lines = ["filename,fold,target,category,esc10,src_file,take"]
    for fold in (1, 2):
        for place, label in enumerate(("dog", "rain", "wind")):
            for source in range(3):
                file = f"{fold}-{100 * place + source}-A-{place}.wav"
                lines.append(f"{file},{fold},{place},{label},{label != 'wind'},{100 * place + source},A")
                write(root / "audio" / file)
    (root / "meta").mkdir()
    (root / "meta" / "esc50.csv").write_text("\n".join(lines) + "\n")
    data = load_data(root, fold=1)
    assert data.classes == classes
    assert len(data.test) == 3 * len(classes)
    assert data.name == ("ESC-10" if len(classes) == 2 else "ESC-50")


def test_the_older_layout_of_esc10(tmp_path: Path) -> None:
    for number, label in enumerate(("Dog bark", "Rain"), start=1):
        for fold in (1, 2):
            for source in range(3):
                write(tmp_path / "ESC" / f"{number:03d} - {label}" / f"{fold}-{source}23-A.wav")
    assert is_folded(tmp_path / "ESC")
    data = load_data(tmp_path / "ESC", fold=2)
    assert data.classes == ("Dog bark", "Rain")
    assert len(data.test) == 6


def test_a_plain_folder_has_no_folds(tmp_path: Path) -> None:
    for label in ("a", "b"):
        for take in range(5):
            write(tmp_path / label / f"{take}.wav")
    assert not is_folded(tmp_path)
    with pytest.raises(UsageError, match="has no official folds"):
        load_data(tmp_path, fold=1)
    assert load_data(tmp_path).classes == ("a", "b")


@pytest.mark.real_data
def test_the_part_of_urbansound8k() -> None:
    root = os.environ.get("PREFORGET_SHARED")
    if not root:
        pytest.skip("PREFORGET_SHARED is not set: no real sounds here")
    data = load_data(Path(root) / "data" / "UrbanSound8K", fold=10, folds=[1, 10])
    assert len(data.classes) == 10
    assert folds(data.test.inputs) == {"fold10"}
    assert not data.skipped


@pytest.mark.parametrize(("takes", "held_out"), [(3, 1), (8, 1), (20, 3)])
def test_a_class_of_one_recording_is_divided_by_clips(tmp_path: Path, takes: int, held_out: int) -> None:
    root = tmp_path / "U"
    lines = ["slice_file_name,fsID,fold,class"]
    for fold, source, label, count in (
        (1, 10, "dog", takes),
        (2, 11, "dog", 2),
        *((1 + n % 2, 20 + n, "cat", 2) for n in range(6)),
    ):
        for take in range(count):
            lines.append(f"{source}-{take}.wav,{source},{fold},{label}")
            write(root / "audio" / f"fold{fold}" / f"{source}-{take}.wav")
    (root / "metadata").mkdir()
    (root / "metadata" / "UrbanSound8K.csv").write_text("\n".join(lines) + "\n")
    data = load_data(root)
    assert len(data.validation.only("dog")) == held_out
    assert len(data.train.only("dog")) == takes - held_out
    assert "class 'dog' has clips of a single recording to learn from" in data.remarks[0]
    assert not {p.name.split("-")[0] for p in data.train.only("cat").inputs} & {
        p.name.split("-")[0] for p in data.validation.only("cat").inputs
    }
