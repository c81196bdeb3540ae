from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preforget.core.errors import IntegrityError, StoreError
from preforget.store.layout import check_free, check_kinds, check_names, receipt_name, record_name

ID = "0123456789abcdef" * 2
NAMES = st.sets(st.sampled_from(["a", "b", "records/a", "records/b", "receipts/c"]))


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def test_names() -> None:
    assert record_name(ID, sealed=False) == f"records/{ID}.safetensors"
    assert record_name(ID, sealed=True) == f"records/{ID}.sealed"
    assert receipt_name(ID) == f"receipts/{ID}.json"


def test_a_free_place(tmp_path: Path) -> None:
    check_free(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    check_free(tmp_path / "empty")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]  # it only looks


def test_a_place_that_is_taken(tmp_path: Path) -> None:
    file = fill(tmp_path, "file") / "file"
    with pytest.raises(StoreError, match="is not a folder; choose another place"):
        check_free(file)
    for target in (tmp_path / "nowhere", tmp_path):
        link = tmp_path / f"to-{target.name}"
        link.symlink_to(target)
        with pytest.raises(StoreError, match="is not a folder; choose another place"):
            check_free(link)
    full = tmp_path / "full"
    fill(full, ".hidden")
    with pytest.raises(StoreError, match="is not empty; choose another place"):
        check_free(full)
    assert (full / ".hidden").read_bytes() == b"x"


def test_all_names_are_there(tmp_path: Path) -> None:
    fill(tmp_path, "a", "records/b")
    check_names(tmp_path, ["a", "records/b"])
    check_names(tmp_path, ["a"], ["records/b", "receipts/never"])
    with pytest.raises(IntegrityError, match="records/b"):
        check_names(tmp_path, ["a"])  # neither demanded nor allowed


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    fill(tmp_path, "a")
    with pytest.raises(IntegrityError, match=re.escape("incomplete: records/b is missing; put a backup")):
        check_names(tmp_path, ["a", "records/b"])
    (tmp_path / "records" / "b").mkdir(parents=True)  # a folder is no file
    with pytest.raises(IntegrityError, match="holds 'records/b', which is no file of a model"):
        check_names(tmp_path, ["a", "records/b"])


@pytest.mark.parametrize("name", ["b", ".hidden", "records/b"])
def test_a_file_too_many_is_named(tmp_path: Path, name: str) -> None:
    fill(tmp_path, "a", name)
    with pytest.raises(IntegrityError, match=re.escape(f"not the model's: {name}; move it away")):
        check_names(tmp_path, ["a"], ["receipts/c"])


@pytest.mark.parametrize("target", ["file", "nowhere", "folder"])
@pytest.mark.parametrize("name", ["b", "records/b", "records"])
def test_no_link_is_followed(tmp_path: Path, target: str, name: str) -> None:
    folder = fill(tmp_path / "model", "a")
    fill(tmp_path, "file", "folder/inner")
    if "/" in name:
        (folder / name).parent.mkdir()
    (folder / name).symlink_to(tmp_path / target)
    for check in (check_kinds, lambda place: check_names(place, ["a"], [name])):
        with pytest.raises(IntegrityError, match=f"holds a link, '{name}', where a file belongs"):
            check(folder)


@pytest.mark.parametrize("name", ["b", "records/b", "records/deep/down/b", "deep/down"])
def test_pipes_and_unknown_folders_are_refused(tmp_path: Path, name: str) -> None:
    folder = fill(tmp_path / "model", "a")
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(folder / name)
    with pytest.raises(IntegrityError, match=r"which is no file of a model; move it away"):
        check_kinds(folder)


@given(found=NAMES, expected=NAMES, allowed=NAMES)
def test_it_passes_if_all_that_is_expected_is_there_and_nothing_else_but_what_is_allowed(
    found: set[str], expected: set[str], allowed: set[str]
) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = fill(Path(place), *sorted(found))
        if expected <= found <= expected | allowed:
            check_names(folder, expected, allowed)
        else:
            with pytest.raises(IntegrityError):
                check_names(folder, expected, allowed)
