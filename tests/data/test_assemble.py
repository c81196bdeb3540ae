from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from preforget.core.errors import DataError
from preforget.data import load_data

MakeFolder = Callable[[dict[str, int]], Path]


def test_copies_across_given_parts_are_an_error_unless_allowed(make_folder: MakeFolder) -> None:
    root = make_folder({"train/a": 4, "train/b": 4})
    shutil.copytree(root / "train", root / "test")
    with pytest.raises(DataError, match=r"8 inputs are the same in several parts(?s:.*)--allow-duplicates"):
        load_data(root)
    data = load_data(root, allow_duplicates=True)
    assert sum(group.across_parts for group in data.repeated) == 8
    assert data.remarks[0].startswith(
        "8 inputs are there more than once with the same content: 8 in several parts"
    )


def test_copies_stay_in_one_part_of_a_split_of_ours(make_folder: MakeFolder) -> None:
    root = make_folder({"a": 30, "b": 30})
    for number in range(10):
        shutil.copy(root / "a" / f"{number:03}.png", root / "a" / f"copy-{number}.png")
    data = load_data(root, seed=1)
    assert len(data.repeated) == 10
    assert not any(group.across_parts for group in _in_parts(data))
    plain = load_data(make_folder({"x/a": 30, "x/b": 30}) / "x", seed=1)
    assert {p.name for p in data.train.only("b").inputs} == {p.name for p in plain.train.only("b").inputs}


def _in_parts(data):  # type: ignore[no-untyped-def]
    from preforget.data.duplicates import repeated
    from preforget.data.looks import look_at
    from preforget.data.repeated import Copy

    copies, digests = [], []
    for part in ("train", "validation", "test"):
        for path in getattr(data, part).inputs:
            copies.append(Copy(path, part, "x"))
            digests.append(look_at(path).digest)
    return repeated(copies, digests)


def test_the_same_picture_in_two_classes_is_said(make_folder: MakeFolder) -> None:
    root = make_folder({"a": 6, "b": 6})
    shutil.copy(root / "a" / "000.png", root / "b" / "zzz.png")
    assert (
        "1 in several classes, so that one of them stays when a class is forgotten"
        in load_data(root).remarks[0]
    )


def test_broken_files_are_skipped_and_an_emptied_class_is_named(make_folder: MakeFolder) -> None:
    root = make_folder({"a": 6, "b": 6, "saw": 4})
    (root / "a" / "000.png").write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match="1 of 16 files can't be used"):
        load_data(root)
    for path in (root / "saw").iterdir():
        path.write_bytes(b"")
    data = load_data(root, skip_broken=True)
    assert data.classes == ("a", "b")
    assert len(data.skipped) == 5
    assert "class 'saw' is left out: none of its 4 files to learn from can be used" in data.remarks
    for path in root.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match="no input of the train part can be used"):
        load_data(root, skip_broken=True)


def test_persons_in_both_given_parts_are_counted(make_folder: MakeFolder) -> None:
    root = make_folder(
        {f"{part}/{c}/{p}": 3 for part in ("train", "test") for c in "ab" for p in ("p", f"q {part}")}
    )
    with pytest.raises(
        DataError, match=r"1 person is in several parts of the split(?s:.*)--allow-duplicates"
    ):
        load_data(root, subjects=1)
    data = load_data(root, subjects=1, allow_duplicates=True)
    assert "1 of 2 persons of the test part are in the train part" in data.remarks[-1]
    assert [(group.kind, len(group.copies)) for group in data.repeated] == [("person", 12)]
    assert not load_data(root).repeated


def test_one_picture_a_person(make_folder: MakeFolder) -> None:
    root = make_folder({f"{c}/{c}{n:02}": 1 for c in "abc" for n in range(12)})
    data = load_data(root, subjects=1)
    for split in (data.train, data.validation, data.test):
        assert set(split.labels) == {"a", "b", "c"}
    apart = load_data(root, subjects=1, split_by="subject")
    assert "own by person split" in apart.note


def test_split_by_subject_keeps_persons_together(make_folder: MakeFolder) -> None:
    root = make_folder({f"{c}/p{n:02}": 3 for c in "ab" for n in range(20)})
    data = load_data(root, subjects=1, split_by="subject")
    persons = [set(split.subjects) for split in (data.train, data.validation, data.test)]  # type: ignore[arg-type]
    assert all(persons)
    assert sum(map(len, persons)) == 20
    mixed = load_data(root, subjects=1)
    assert set(mixed.train.subjects) & set(mixed.test.subjects)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("given", [("train",), ("train", "test")])
def test_copies_never_empty_a_part(make_folder: MakeFolder, seed: int, given: tuple[str, ...]) -> None:
    root = make_folder({f"{part}/{c}": 8 for part in given for c in "ab"})
    for number in range(4):
        shutil.copy(root / "train" / "a" / f"00{number}.png", root / "train" / "a" / f"a{number}.png")
        shutil.copy(root / "train" / "a" / f"00{number}.png", root / "train" / "b" / f"b{number}.png")
    data = load_data(root, seed=seed)
    assert all(set(part.labels) == {"a", "b"} for part in (data.train, data.validation, data.test))
    assert data.taken == tuple(part for part in ("val", "test") if part not in given)
    learned = {path.read_bytes() for path in data.train.inputs}
    assert not any(path.read_bytes() in learned for path in data.validation.inputs)


@pytest.mark.parametrize("persons", [3, 4, 10])
def test_a_split_by_person_has_each_class_in_each_part(make_folder: MakeFolder, persons: int) -> None:
    root = make_folder({f"{c}/{c}{n}": 2 for c in "abc" for n in range(persons)})
    for seed in range(3):
        data = load_data(root, subjects=1, split_by="subject", seed=seed)
        assert all(set(part.labels) == {"a", "b", "c"} for part in (data.train, data.validation, data.test))


@pytest.mark.parametrize("name", ["a/x.m4a", "b/X.AAC", "a/call.amr", "b/deep/y.wma"])
def test_sounds_that_are_not_decoded_are_refused_with_the_remedy(tmp_path: Path, name: str) -> None:
    for n in range(4):
        for c in "ab":
            (tmp_path / "s" / c / "deep").mkdir(parents=True, exist_ok=True)
            wave = np.random.default_rng(n).uniform(-0.5, 0.5, 800)
            soundfile.write(tmp_path / "s" / c / f"{n}.wav", wave if c == "a" else -wave, 8000)
    (tmp_path / "s" / name).write_bytes(b"\0\0\0\x20ftypM4A ")
    with pytest.raises(DataError, match=r"1 of 9 files can't be used(?s:.*)ffmpeg -i IN OUT\.flac"):
        load_data(tmp_path / "s")
    assert [path.name for path, _ in load_data(tmp_path / "s", skip_broken=True).skipped] == [Path(name).name]


@pytest.mark.parametrize("content", [b"", b"RIFF", b"\x89PNG", b"<html>"])
@pytest.mark.parametrize("kind", ["folder", "parts", "table"])
def test_whatever_empties_a_class_it_is_named(make_folder: MakeFolder, content: bytes, kind: str) -> None:
    root = make_folder({f"{'train/' * (kind == 'parts')}{label}": 4 for label in ("a", "b", "saw")})
    files = sorted(root.rglob("*.png"))
    for path in files[8:]:
        path.write_bytes(content)
    source = root
    if kind == "table":
        source = root / "list.csv"
        source.write_text(
            "\n".join(["path,label", *(f"{p.relative_to(root)},{p.parent.name}" for p in files)])
        )
    data = load_data(source, skip_broken=True)
    assert data.classes == ("a", "b")
    assert "class 'saw' is left out: none of its 4 files to learn from can be used" in data.remarks
