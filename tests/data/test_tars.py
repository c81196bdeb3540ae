"""Tars of samples, in which nothing is unpickled and whose pictures stay where they are."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from preforget.core.errors import DataError
from preforget.data import load_data


class Bomb:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.trace,)


def picture(number: int) -> bytes:
    rng = np.random.default_rng(number)
    content = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, size=(9, 9, 3), dtype=np.uint8)).save(content, "PNG")
    return content.getvalue()


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def samples(first: int, count: int, trace: Path) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    for number in range(first, first + count):
        label = ["cat", "dog"][number % 2]
        members[f"a/{number:03}.png"] = picture(number)
        if number % 3:
            members[f"a/{number:03}.cls"] = label.encode()
        else:
            members[f"a/{number:03}.json"] = json.dumps({"label": label, "size": 9}).encode()
        members[f"a/{number:03}.pyd"] = pickle.dumps(Bomb(trace))
        members[f"a/{number:03}.pth"] = members[f"a/{number:03}.who"] = b"Kim" if number % 4 else b"Lee"
    return members


def test_samples_are_found_and_nothing_is_unpickled(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    tar = write_tar(tmp_path / "pets.tar", samples(0, 40, trace))
    data = load_data(tar, subjects="who")
    assert data.classes == ("cat", "dog")
    parts = (data.train, data.validation, data.test)
    assert sum(map(len, parts)) == 40
    for part in parts:
        for path, label, person in zip(part.paths, part.labels, part.subjects, strict=True):
            number = int(path.stem)
            assert (label, person) == (["cat", "dog"][number % 2], "Kim" if number % 4 else "Lee")
            assert path.content == picture(number)
            assert pickle.loads(pickle.dumps(path)).content == picture(number)  # in a worker
    assert dict(data.left_out) == {"of other kinds": 40}
    assert not trace.exists()


def test_shards_of_parts(tmp_path: Path) -> None:
    for number, part in enumerate(["train", "train", "val", "test"]):
        write_tar(tmp_path / f"{part}-{number:04}.tar", samples(100 * number, 8, tmp_path / "trace"))
    data = load_data(tmp_path)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [16, 8, 8]


def test_an_address(tmp_path: Path) -> None:
    import fsspec

    tar = write_tar(tmp_path / "pets.tar", samples(0, 24, tmp_path / "trace"))
    with fsspec.open("memory://bucket/pets.tar", "wb") as file:
        file.write(tar.read_bytes())
    try:
        there, here = load_data("memory://bucket/pets.tar"), load_data(tar)
        assert [path.name for path in there.train.paths] == [path.name for path in here.train.paths]
        assert there.train.paths[0].content == here.train.paths[0].content
    finally:
        fsspec.filesystem("memory").rm("/bucket", recursive=True)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    lone = write_tar(tmp_path / "lone.tar", {"1.png": picture(1), "2.png": picture(2)})
    with pytest.raises(DataError, match=r"has no label; a sample needs a member \.cls"):
        load_data(lone)
    with pytest.raises(DataError, match=r"no member \.who and no entry 'who'"):
        load_data(write_tar(tmp_path / "who.tar", {"1.png": picture(1), "1.cls": b"cat"}), subjects="who")
    with pytest.raises(DataError, match="holds no picture"):
        load_data(write_tar(tmp_path / "none.tar", {"1.cls": b"cat"}))
    cut = tmp_path / "cut.tar"
    cut.write_bytes(b"no tar at all" * 99)
    with pytest.raises(DataError, match="can't be read as a tar"):
        load_data(cut)
