from __future__ import annotations

from pathlib import Path

import pytest

from preforget.core.errors import DataError
from preforget.data.listing import Listing, ending


def test_files_folders_and_what_is_left_out(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/b/2.JPG", "a/.hidden.png", "a/b/x.txt", "c/3.nii.gz", "a/Thumbs.db"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    listing = Listing()
    assert sorted(listing.folders(tmp_path)) == ["a", "c"]
    assert listing.files(tmp_path / "a") == [str(tmp_path / "a/1.png")]
    assert listing.all_files(tmp_path) == [
        str(tmp_path / name) for name in ("a/1.png", "a/b/2.JPG", "c/3.nii.gz")
    ]
    once = listing.counts()
    assert dict(once) == {"hidden": 1, "of the system": 1, "unknown ending .txt": 1}
    listing.all_files(tmp_path)
    assert listing.counts() == once  # each is counted once, however often it is seen
    with pytest.raises(DataError, match="gone: can't be read as a folder"):
        listing.folders(tmp_path / "gone")


def test_endings() -> None:
    assert [ending(name) for name in ("a.PNG", "b.nii.gz", "c.gz", "d")] == [".png", ".nii.gz", ".gz", ""]
