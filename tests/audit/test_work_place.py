"""Nothing that knows the classes of a sealed model is written in the clear, and nothing stays when an audit ends."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from preforget.audit import tasks
from preforget.audit.run import audit
from preforget.audit.work_place import end_work, opened_work
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import UsageError
from preforget.data import Dataset, Split, as_inputs
from preforget.data.dataset import label_array
from preforget.erasure import forget, open_folder, plan
from preforget.store.keyring import open_keyring
from preforget.store.side_key import MARK, begin_key, destroy_owned, key_of

from ..rights import bound_by_rights

NAMES = ("Ada Lovelace", "Grace Hopper", "Mary Somerville")


@pytest.fixture
def data() -> Dataset:
    rng = np.random.default_rng(0)
    parts = []
    for each in (16, 8, 8):
        X = rng.normal(size=(3 * each, 4)) + np.repeat(np.eye(3, 4) * 4, each, axis=0)
        parts.append(Split(as_inputs(X, "vectors"), label_array(np.repeat(NAMES, each).tolist())))
    return Dataset("made up", *parts, classes=NAMES, note="")


@pytest.fixture
def model(data: Dataset, tmp_path: Path) -> PreForgettableClassifier:
    found = PreForgettableClassifier("features", "isolated", device="cpu", epochs=2)
    found.fit(data.train, validation=data.validation)
    found.save_pretrained(tmp_path / "model", sealed=True, keyring=tmp_path / "keys")
    return found


def run(model: PreForgettableClassifier, data: Dataset, work: Path | None) -> object:
    return audit(model, data, NAMES[0], seeds=1, work=work, attacks=["mixed_stream"])


def keys(tmp_path: Path) -> list[str]:
    return open_keyring(tmp_path / "keys").models()


def names_in(folder: Path) -> list[Path]:
    """The files in which a name, or the bytes of an unencrypted record or array, can be read."""
    words = [*(name.encode() for name in NAMES), b"Lovelace", b"PK\x03\x04", b'"label"']
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(word in path.read_bytes() for word in words)]


def killed_at(job: str, do: Callable[[], object]) -> None:
    """Run an audit in a fork that SIGKILL ends before a kind of work."""
    child = os.fork()
    if child == 0:
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(tasks, job, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
                do()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("job", ["learn", "look", "attack"])
def test_killed_it_leaves_nothing_in_the_clear_and_is_listed(
    model: PreForgettableClassifier, data: Dataset, tmp_path: Path, job: str
) -> None:
    work = tmp_path / "work"
    killed_at(job, lambda: run(model, data, work))
    assert [path.name for path in names_in(work)] == []
    assert len(list(work.rglob("*.npz"))) >= 1
    folder = open_folder(tmp_path / "model", tmp_path / "keys")
    (copy,) = folder.manifest.copies.values()
    assert (copy["place"], copy["delete"]) == (str(work), True)
    assert [owner.split("-")[0] for owner in keys(tmp_path) if owner != folder.manifest.model] == ["audit"]


def test_it_goes_on_and_ends_without_a_trace(
    model: PreForgettableClassifier, data: Dataset, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    killed_at("attack", lambda: run(model, data, work))
    again = PreForgettableClassifier.from_pretrained(tmp_path / "model", keyring=tmp_path / "keys")
    learned = {path.name: path.stat().st_mtime_ns for path in (work / "arrays").iterdir()}
    run(again, data, work)
    assert learned.items() <= {p.name: p.stat().st_mtime_ns for p in (work / "arrays").iterdir()}.items()
    end_work(work, again)
    assert not work.exists()
    assert again.folder is not None
    assert again.folder.manifest.copies == {}
    assert keys(tmp_path) == [again.folder.manifest.model]


def test_what_can_not_be_opened_is_learned_anew(
    model: PreForgettableClassifier, data: Dataset, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    first = run(model, data, work)
    (owner,) = set(keys(tmp_path)) - {model.folder.manifest.model}  # type: ignore[union-attr]
    for path in work.rglob("*.npz"):  # damaged, or from elsewhere
        path.write_bytes(path.read_bytes()[:-1])
    damaged = run(model, data, work)
    destroy_owned(owner, open_keyring(tmp_path / "keys"), work)
    (work / "arrays" / "old.npz").write_bytes(NAMES[0].encode())  # of a version that wrote in the clear
    without_key = run(model, data, work)
    assert names_in(work) == []
    values = [[one.unlearned for one in found.measures] for found in (first, damaged, without_key)]  # type: ignore[attr-defined]
    assert values[0] == values[1] == values[2]


def test_forgetting_deletes_it_with_its_key_or_reports_it(
    model: PreForgettableClassifier, data: Dataset, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    killed_at("attack", lambda: run(model, data, work))
    fresh = PreForgettableClassifier.from_pretrained(tmp_path / "model", keyring=tmp_path / "keys")
    reported = fresh.forget(NAMES[0], reason="request 1")
    assert [(copy["kind"], copy["status"]) for copy in reported.copies] == [
        ("checkpoint", "out of our control")
    ]
    kept = shutil.copytree(work, tmp_path / "stolen")
    assert fresh.folder is not None
    deleted = forget(plan(fresh.folder, label=NAMES[1]), folder=fresh.folder, delete_copies=True)
    assert [copy["status"] for copy in deleted.copies] == ["removed"]
    assert not work.exists()
    assert keys(tmp_path) == [fresh.folder.manifest.model]  # type: ignore[union-attr]
    assert names_in(kept) == []


def test_in_a_temporary_folder_the_key_is_nowhere(
    model: PreForgettableClassifier, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    killed_at("attack", lambda: run(model, data, None))
    (left,) = (tmp_path / "tmp").iterdir()
    assert names_in(left) == []
    assert not (left / MARK).exists()
    assert keys(tmp_path) == [model.folder.manifest.model]  # type: ignore[union-attr]


def test_a_model_that_can_not_list_it_has_its_key_in_memory(
    model: PreForgettableClassifier, data: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "model").chmod(0o555)
    try:
        with bound_by_rights():
            killed_at("attack", lambda: run(model, data, tmp_path / "work"))
            assert names_in(tmp_path / "work") == []
            assert keys(tmp_path) == [model.folder.manifest.model]  # type: ignore[union-attr]
            run(model, data, tmp_path / "work")
            end_work(tmp_path / "work", model)
    finally:
        (tmp_path / "model").chmod(0o755)
    assert not (tmp_path / "work").exists()


def test_a_mark_that_was_put_there_costs_no_other_work_its_key(
    model: PreForgettableClassifier, tmp_path: Path
) -> None:
    work, bench, ring = tmp_path / "work", tmp_path / "bench", open_keyring(tmp_path / "keys")
    bench.mkdir()
    foreign = begin_key(bench, ring, "bench")
    with opened_work(work, model) as key:
        assert key is not None
    shutil.copy(bench / MARK, work / MARK)
    with opened_work(work, model) as again:
        assert again is not None
        assert again.owner not in (foreign.owner, key.owner)
        assert key.owner not in keys(tmp_path)
    shutil.copy(bench / MARK, work / MARK)
    end_work(work, model)
    assert again.owner not in keys(tmp_path)
    assert key_of(bench, ring) == foreign


def test_inside_the_model_it_is_refused(model: PreForgettableClassifier, tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="must not be deleted"),
        opened_work(tmp_path / "model" / "work", model),
    ):
        pass
    assert not (tmp_path / "model" / "work").exists()


def test_of_a_model_in_memory_it_is_plain_and_private(
    model: PreForgettableClassifier, data: Dataset, tmp_path: Path
) -> None:
    run(model.copy(), data, tmp_path / "work")
    assert names_in(tmp_path / "work") != []
    assert {p.stat().st_mode & 0o077 for p in (tmp_path / "work").rglob("*")} == {0}
    end_work(tmp_path / "work", model.copy())
    assert not (tmp_path / "work").exists()
