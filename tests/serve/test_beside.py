from __future__ import annotations

from pathlib import Path

import pytest

from preforget.core.errors import StoreError
from preforget.serve.beside import own_folder


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    own_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    own_folder(tmp_path / "a" / "b")


@pytest.mark.parametrize("mode", [0o705, 0o702, 0o777])
def test_one_that_others_can_look_into_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(mode)
    with pytest.raises(StoreError, match="every user"):
        own_folder(tmp_path / "a")


def test_a_link_and_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(StoreError):
            own_folder(tmp_path / name)
