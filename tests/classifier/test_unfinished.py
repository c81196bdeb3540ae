"""What a learning leaves wherever it is killed: its checkpoint alone, which goes in the end."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from preforget.classifier import PreForgettableClassifier
from preforget.classifier.sealed_checkpoint import SealedCheckpoint
from preforget.classifier.unfinished import (
    checkpoint_beside,
    clear_leftovers,
    discard,
    learning_folder,
    leftovers,
)
from preforget.core.errors import StoreError, UsageError
from preforget.erasure import open_folder
from preforget.store.keyring import open_keyring

WRITES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "shutil.rmtree"}
WEEK = 7 * 24 * 3600


def learn(model: Path, keyring: Path, *, sealed: bool = True) -> PreForgettableClassifier:
    rng = np.random.default_rng(0)
    y = np.repeat(["Ada", "Bo", "Cy"], 8)
    X = rng.normal(size=(24, 4)) + np.repeat(np.eye(3, 4) * 5, 8, axis=0)
    ring = open_keyring(keyring)
    with checkpoint_beside(model, sealed=sealed, keyring=ring) as checkpoint:
        classifier = PreForgettableClassifier("features", "isolated", device="cpu", epochs=3)
        classifier.fit(X, y, validation=(X, y), checkpoint=checkpoint)
        classifier.save_pretrained(model, sealed=sealed, keyring=ring)
    return classifier


def in_child(do: Callable[[], object]) -> int:
    """Run something in a fork and return how it ended, negative for a signal."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            do()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def dying(do: Callable[[], object], at: int) -> Callable[[], None]:
    """Return `do` with a SIGKILL before its change number `at` of files or folders."""

    def run() -> None:
        count = 0

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal count
            mode = arguments[2] if event == "open" else 0
            if event in WRITES or (isinstance(mode, int) and mode & (os.O_WRONLY | os.O_RDWR)):
                count += 1
                if count == at:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        do()

    return run


@contextmanager
def busy(model: Path, keyring: Path) -> Iterator[None]:
    """Have another process at work on the checkpoint of a model."""
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with checkpoint_beside(model, sealed=True, keyring=open_keyring(keyring)) as checkpoint:
                checkpoint.write(b"learned so far")
                os.utime(checkpoint.path, (0, 0))
                os.write(ready[1], b"x")
                os.read(done[0], 1)
        finally:
            os._exit(0)
    try:
        assert select.select([ready[0]], [], [], 60)[0]
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for end in (*ready, *done):
            os.close(end)


def interrupted(after: Callable[[], object]) -> None:
    after()
    raise KeyboardInterrupt


def age(folder: Path, seconds: float) -> None:
    for path in folder.iterdir():
        os.utime(path, (time.time() - seconds,) * 2)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.mark.parametrize(("sealed", "few"), [(True, 3), (False, 1)])
def test_killed_anywhere_only_the_checkpoint_stays_and_the_same_command_ends_it(
    tmp_path: Path, sealed: bool, few: int
) -> None:
    whole = tmp_path / "whole" / "model"
    learn(whole, tmp_path / "whole-keys", sealed=sealed)
    killed, at = 0, 0
    while True:
        at += 1 + at // few
        home, keys = tmp_path / f"{at}", tmp_path / f"{at}-keys"
        model = home / "model"
        ended = in_child(dying(lambda m=model, k=keys: learn(m, k, sealed=sealed), at))  # type: ignore[misc]
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        killed += 1
        for path in home.rglob("*") if home.exists() else ():
            if sealed and path.is_file():
                assert b"Ada" not in path.read_bytes(), path
        if not (model / "preforget.json").exists():
            told: list[str] = []
            clear_leftovers(home, lambda k=keys: open_keyring(k), told.append)  # type: ignore[misc]
            left = {p.name for p in home.iterdir()} if home.exists() else set()
            assert left <= {"model.learning"}
            classifier = learn(model, keys, sealed=sealed)
            assert (classifier.labels, {p.name for p in home.iterdir()}) == (["Ada", "Bo", "Cy"], {"model"})
        else:
            folder = open_folder(model, open_keyring(keys))
            kinds = {
                Path(copy["place"]).parent.name: copy["kind"] for copy in folder.manifest.copies.values()
            }
            if learning_folder(model).exists() and any(learning_folder(model).iterdir()):
                assert kinds == {"model.learning": "checkpoint"}
            discard(model, open_keyring(keys))
            assert {p.name for p in home.iterdir()} == {"model"}
        if sealed:
            assert open_keyring(keys).models() == [open_folder(model, open_keyring(keys)).manifest.model]
    assert killed > 4


def test_a_sealed_checkpoint_says_no_name_and_goes_on(home: Path, tmp_path: Path) -> None:
    model, keys = home / "model", open_keyring(tmp_path / "keys")
    with (
        pytest.raises(KeyboardInterrupt, match="learn --discard"),
        checkpoint_beside(model, sealed=True, keyring=keys) as checkpoint,
    ):
        interrupted(lambda: checkpoint.write(b"Ada"))
    (path,) = learning_folder(model).iterdir()
    assert b"Ada" not in path.read_bytes()
    told: list[str] = []
    with checkpoint_beside(model, told.append, keyring=keys) as again:
        assert isinstance(again, SealedCheckpoint)  # sealed once, sealed for good
        assert again.read() == b"Ada"
    assert told == [f"going on from the checkpoint {path}"]


def test_with_another_keyring_it_is_refused_and_kept(home: Path, tmp_path: Path) -> None:
    model = home / "model"
    with checkpoint_beside(model, sealed=True, keyring=open_keyring(tmp_path / "keys")) as checkpoint:
        checkpoint.write(b"learned so far")
    other = open_keyring(tmp_path / "other")
    with (
        checkpoint_beside(model, keyring=other) as again,
        pytest.raises(StoreError, match="give the right one"),
    ):
        again.read()
    assert checkpoint.read() == b"learned so far"


def test_a_plain_checkpoint_is_sealed_when_that_is_asked_for(home: Path, tmp_path: Path) -> None:
    model = home / "model"
    with checkpoint_beside(model) as checkpoint:
        checkpoint.write(b"Ada")
    with checkpoint_beside(model, sealed=True, keyring=open_keyring(tmp_path / "keys")) as again:
        assert again.read() == b"Ada"
        assert all(b"Ada" not in path.read_bytes() for path in learning_folder(model).iterdir())


def test_ctrl_c_before_the_first_epoch_leaves_nothing(home: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt, match="nothing is left"),
        checkpoint_beside(
            home / "new" / "model", sealed=True, keyring=open_keyring(tmp_path / "keys")
        ) as own,
    ):
        interrupted(own.begin)
    assert list(home.iterdir()) == []
    assert open_keyring(tmp_path / "keys").models() == []


def test_a_file_where_the_folder_would_be(home: Path) -> None:
    (home / "model.learning").write_text("mine")
    with pytest.raises(StoreError, match="can't be written"), checkpoint_beside(home / "model"):
        pass
    assert (home / "model.learning").read_text() == "mine"


def test_who_is_at_work_is_left_alone(home: Path, tmp_path: Path) -> None:
    model, keys, told = home / "model", tmp_path / "keys", []
    with busy(model, keys):
        with pytest.raises(StoreError, match="another process is learning"), checkpoint_beside(model):
            pass
        with pytest.raises(StoreError, match="another process is learning"):
            discard(model, open_keyring(keys))
        assert leftovers(home) == [learning_folder(model)]
        clear_leftovers(home, lambda: open_keyring(keys), told.append)
        assert (told, learning_folder(model).exists()) == ([], True)
    clear_leftovers(home, lambda: open_keyring(keys), told.append)  # it was killed
    assert (len(told), list(home.iterdir()), open_keyring(keys).models()) == (1, [], [])


def test_after_seven_days_and_not_before(home: Path, tmp_path: Path) -> None:
    keys = open_keyring(tmp_path / "keys")
    for name in ("plain", "sealed"):
        with checkpoint_beside(home / name, sealed=name == "sealed", keyring=keys) as checkpoint:
            checkpoint.write(b"learned so far")
        age(learning_folder(home / name), WEEK - 60)
    told: list[str] = []
    clear_leftovers(home, lambda: keys, told.append)
    assert (told, len(list(home.iterdir()))) == ([], 2)
    age(learning_folder(home / "plain"), WEEK + 60)
    clear_leftovers(home, lambda: keys, told.append, but=home / "plain")
    assert told == []
    age(learning_folder(home / "sealed"), WEEK + 60)
    clear_leftovers(home, lambda: keys, told.append)
    assert [line.split(": ")[0] for line in told] == [
        "removed the checkpoint of a learning that was cut off 7 days ago or more"
    ] * 2
    assert (list(home.iterdir()), keys.models()) == ([], [])


def test_what_is_no_checkpoint_is_never_removed(home: Path, tmp_path: Path) -> None:
    other = home / "notes.learning"
    other.mkdir()
    (other / "diary.txt").write_text("mine")
    age(other, 2 * WEEK)
    real = home / "real"
    (real / "records").mkdir(parents=True)
    (home / ".model.unfinished").symlink_to(real)
    (home / "model.learning").symlink_to(other)
    clear_leftovers(home, lambda: open_keyring(tmp_path / "keys"), print)
    assert (other / "diary.txt").read_text() == "mine"
    assert (real / "records").is_dir()
    assert discard(home / "model", open_keyring(tmp_path / "keys")) == []


def test_without_the_passphrase_nothing_is_half_removed(home: Path, tmp_path: Path) -> None:
    with checkpoint_beside(
        home / "model", sealed=True, keyring=open_keyring(tmp_path / "keys", lambda: "correct horse battery")
    ) as checkpoint:
        checkpoint.write(b"learned so far")
    age(checkpoint.path.parent, 2 * WEEK)
    locked, told = open_keyring(tmp_path / "keys"), []
    clear_leftovers(home, lambda: locked, told.append)
    assert "can't be removed" in told[0]
    assert "PREFORGET_PASSPHRASE" in told[0]
    with pytest.raises(UsageError, match="PREFORGET_PASSPHRASE"):
        discard(home / "model", locked)
    assert checkpoint.read() == b"learned so far"


@pytest.mark.parametrize("umask", [0, 0o777])
def test_files_are_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    home = tmp_path / "home"

    def run() -> None:
        os.umask(umask)
        model = learn(home / "model", tmp_path / "keys")
        model.forget("Ada", reason="request 1")
        with checkpoint_beside(home / "next", sealed=True, keyring=open_keyring(tmp_path / "keys")) as own:
            own.write(b"learned so far")

    assert in_child(run) == 0
    written = [home, tmp_path / "keys", *home.rglob("*"), *(tmp_path / "keys").rglob("*")]
    assert len(list((home / "model" / "receipts").iterdir())) == 1
    assert {oct(p.stat().st_mode & 0o777) for p in written if p.is_file()} == {"0o600"}
    assert {oct(p.stat().st_mode & 0o777) for p in written if p.is_dir()} == {"0o700"}


def test_a_name_as_long_as_can_be(home: Path) -> None:
    with checkpoint_beside(home / ("m" * 255)) as checkpoint:
        checkpoint.write(b"learned so far")
    assert checkpoint.path.exists()


def test_a_planted_checkpoint_takes_no_key_of_another_learning(home: Path, tmp_path: Path) -> None:
    """Anybody may name a file as another learning's checkpoint, or link to it, where the owner's command finds it."""
    ring = open_keyring(tmp_path / "keys")
    with (
        pytest.raises(KeyboardInterrupt),
        checkpoint_beside(home / "model", sealed=True, keyring=ring) as other,
    ):
        interrupted(lambda: other.write(b"a week of learning"))
    for name in ("named", "linked", "copied"):
        planted = tmp_path / "elsewhere" / f"{name}.learning" / other.path.name
        planted.parent.mkdir(parents=True)
        if name == "linked":
            planted.symlink_to(other.path)
            os.utime(planted, (0, 0), follow_symlinks=False)
        else:
            planted.write_bytes(b"x" if name == "named" else other.path.read_bytes())
            os.utime(planted, (0, 0))
        told: list[str] = []
        clear_leftovers(tmp_path / "elsewhere", lambda: ring, told.append)
        assert "were made for another place" in told[-1]
        with pytest.raises(StoreError, match="were made for another place"):
            discard(planted.parent.with_suffix(""), ring)
        with pytest.raises(StoreError, match="was made in another place"):
            SealedCheckpoint(planted, ring).begin()
    assert SealedCheckpoint(other.path, open_keyring(tmp_path / "keys")).read() == b"a week of learning"
    discard(home / "model", ring)
    assert ring.models() == []
