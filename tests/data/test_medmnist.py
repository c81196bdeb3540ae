from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from preforget.data.medmnist import PUBLISHED, SIZES, edition, file_name, known_md5, md5_of


def test_each_size_has_its_own_checksum() -> None:
    checksums = {known_md5(name, size) for name in PUBLISHED for size in SIZES}
    assert len(checksums) == 24
    assert all(len(checksum) == 32 and int(checksum, 16) for checksum in checksums)


@pytest.mark.parametrize(
    ("name", "classes"),
    [("bloodmnist", 8), ("dermamnist", 7), ("organsmnist", 11), ("organcmnist", 11), ("octmnist", 4)],
)
def test_class_counts_of_the_publication(name: str, classes: int) -> None:
    assert len(set(PUBLISHED[name].classes)) == classes


def test_edition_is_the_inverse_of_file_name() -> None:
    for name in PUBLISHED:
        for size in SIZES:
            assert edition(Path(file_name(name, size)).stem) == (name, size)
    assert edition("bloodmnist_28") is edition("bloodmnist_64_") is edition("cells") is None


def test_md5_is_that_of_the_whole_file(tmp_path: Path) -> None:
    content = b"abc" * 100_000
    (tmp_path / "file").write_bytes(content)
    assert md5_of(tmp_path / "file") == hashlib.md5(content).hexdigest()
