from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from preforget.benchmark.context import Context, stages
from preforget.benchmark.sealed_folder import discard_cells, folder_key
from preforget.benchmark.trained_models import is_learned, learn
from preforget.core.errors import IntegrityError, UsageError
from preforget.jobs.work import RESULTS, Work
from preforget.store.keyring import open_keyring
from preforget.store.sealing import HEADER
from preforget.store.side_key import MARK, passing_key


def test_models_and_cells_are_encrypted_until_they_are_discarded(done: Context, tmp_path: Path) -> None:
    keys, folder = open_keyring(tmp_path / "keys"), tmp_path / "bench"
    folder.mkdir()
    key = folder_key(folder, lambda: keys, seal=True)
    context = replace(done, folder=folder, lock=key)
    task = next(task for task in stages(done)[0] if task.who == "exact" and task.forgotten)
    learn(context, task)
    assert is_learned(context, task)
    assert is_learned(replace(context, lock=folder_key(folder, lambda: keys, seal=False)), task)
    assert not is_learned(replace(context, lock=passing_key()), task)
    files = [path for part in ("results", "arrays") for path in (folder / part).iterdir()]
    assert len(files) >= 3
    assert all(path.read_bytes().startswith(HEADER) for path in files)
    (folder / "results.md").write_text("the tables")
    discard_cells(folder, lambda: keys)
    assert ([path.name for path in folder.iterdir()], keys.models()) == (["results.md"], [])


def test_without_the_key_nothing_is_learned_over_it(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    folder.mkdir()
    assert folder_key(folder, lambda: open_keyring(tmp_path / "keys"), seal=False) is None
    folder_key(folder, lambda: open_keyring(tmp_path / "keys"), seal=True)
    with pytest.raises(UsageError, match="its key isn't in the keyring"):
        folder_key(folder, lambda: open_keyring(tmp_path / "other"), seal=True)


def test_what_is_in_the_clear_is_not_sealed_half(done: Context, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="results in the clear"):
        folder_key(done.folder, lambda: open_keyring(tmp_path / "keys"), seal=True)
    with pytest.raises(UsageError, match="no cells of a benchmark"):
        discard_cells(tmp_path, lambda: open_keyring(tmp_path / "keys"))


def test_only_the_key_that_was_made_for_the_folder_is_destroyed(tmp_path: Path) -> None:
    keys = open_keyring(tmp_path / "keys")
    own, other = tmp_path / "own", tmp_path / "other"
    made = {}
    for folder in (own, other):
        folder.mkdir()
        key = folder_key(folder, lambda: keys, seal=True)
        Work(folder, key).put(1, folder.name)
        made[folder] = key
    shutil.copy(other / MARK, own / MARK)  # by whoever may write to the folder
    shutil.copy(next((other / RESULTS).iterdir()), own / RESULTS)
    discard_cells(own, lambda: keys)
    assert not (own / RESULTS).exists()
    assert keys.models() == [made[other].owner]  # type: ignore[union-attr]
    moved = other.rename(tmp_path / "moved")
    with pytest.raises(IntegrityError, match="move it back and repeat this"):
        discard_cells(moved, lambda: keys)
    assert folder_key(moved, lambda: keys, seal=False) == made[other]  # nothing was changed
    discard_cells(moved.rename(other), lambda: keys)
    assert keys.models() == []


def test_the_key_goes_also_if_somebody_took_the_mark_away(tmp_path: Path) -> None:
    keys, folder = open_keyring(tmp_path / "keys"), tmp_path / "bench"
    folder.mkdir()
    Work(folder, folder_key(folder, lambda: keys, seal=True)).put(1, "a cell")
    (folder / MARK).unlink()
    discard_cells(folder, lambda: keys)
    assert (list(folder.iterdir()), keys.models()) == ([], [])
