"""Whatever cuts an erasure off: the class is whole, or gone with a valid receipt, and nobody else is harmed.

`PREFORGET_KILL_EVERY=1` kills before each system call instead of every twelfth.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import PreforgetError, StoreError
from preforget.erasure import forget, open_folder, plan
from preforget.erasure.verify import verify
from preforget.store import ModelFolder
from preforget.store.keyring import open_keyring
from preforget.store.layout import INTENT, RECEIPTS

from .tracing import CALLS, CAN_TRACE, ROOM, changes_of, run_and_fail, run_and_kill

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]
KINDS = [(engine, sealed) for engine in ("isolated", "exact", "paper") for sealed in (False, True)]
EVERY = int(os.environ.get("PREFORGET_KILL_EVERY", "12"))
"""One in so many changes is killed; every kind of model begins at another, so that together they see every second."""
OPTIONS = {"isolated": {"epochs": 1, "lora_rank": 1}, "paper": {"epochs": 1}, "exact": {"levels": 1}}


@dataclass(frozen=True)
class Place:
    """A model folder and its keyring, both of which a test may harm."""

    model: Path
    keyring: Path

    def forget(self) -> None:
        """Forget the class, or in the exact engine the person, whose name is `TARGET`."""
        folder = open_folder(self.model, self.keyring)
        exact = folder.manifest.engine == "exact"
        planned = plan(folder, subject="kim") if exact else plan(folder, label="dog")
        forget(planned, folder=folder, reason="request 7")

    def copy(self, to: Path) -> Place:
        """Copy both."""
        shutil.rmtree(to, ignore_errors=True)
        return Place(
            Path(shutil.copytree(self.model, to / "model")),
            Path(shutil.copytree(self.keyring, to / "keyring")),
        )


@pytest.fixture(scope="module")
def places(tiny_vit: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], Place]:
    """Learn three classes of two people with every engine, and save each model sealed and not."""
    rng = np.random.default_rng(0)
    labels = ["ant", "cat", "dog"] * 8
    images = np.array(
        [rng.integers(60 * "acd".index(n[0]), 100 + 60 * "acd".index(n[0]), (32, 32)) for n in labels]
    )
    people = ["kim", "lee", "pat", "sam"] * 6
    found = {}
    for engine in OPTIONS:
        model = PreForgettableClassifier(
            str(tiny_vit), engine, device="cpu", dtype="float32", **OPTIONS[engine]
        )
        subjects = people if engine == "exact" else None
        model.fit(images.astype(np.uint8), labels, subjects=subjects)
        for sealed in (False, True):
            root = tmp_path_factory.mktemp(f"{engine}-{sealed}")
            model.folder = None
            model.save_pretrained(root / "model", sealed=sealed, keyring=root / "keyring")
            open_keyring(root / "keyring").signing.current()
            found[engine, sealed] = Place(root / "model", root / "keyring")
    return found


def digests(folder: ModelFolder) -> dict[str, str]:
    return {record.id: record.digest() for record in folder.records()}


def check(before: Place, after: Place) -> bool:
    """Open what a crash left and return whether the target is gone; fail if anything else is not as it must be."""
    old = ModelFolder.open(before.model, before.keyring)
    exact = old.manifest.engine == "exact"
    planned = plan(old, subject="kim") if exact else plan(old, label="dog")
    gone = {record.id for record in planned.records}
    stays = {i: digest for i, digest in digests(old).items() if i not in gone}
    folder = open_folder(after.model, after.keyring)
    left = digests(folder)
    assert stays.items() <= left.items()
    receipts = sorted((after.model / RECEIPTS).glob("*.json"))
    rows = [entry.event for entry in folder.ledger.entries()]
    if gone <= set(left):
        assert left.keys() == stays.keys() | gone
        assert (rows, receipts) == (["learn"], [])
        return False
    assert not gone & set(left)
    assert "forget" in rows
    assert rows[-1] == "erased"
    (receipt,) = receipts
    found = verify(receipt, after.model, open_keyring(after.keyring).signing.known())
    assert found.passed, found.checks
    assert {record["id"] for record in found.receipt.records} == gone
    if old.manifest.sealed:
        assert gone <= set(open_keyring(after.keyring).model(old.manifest.model).destroyed())
    if exact:  # the pairs that kim had a part in are there again, without kim
        assert len(left) - len(stays) == found.receipt.derived == 3
    return True


@pytest.mark.skipif(not CAN_TRACE, reason="tracing system calls is written for Linux on x86-64")
@pytest.mark.parametrize(("engine", "sealed"), KINDS)
def test_a_kill_before_every_change(
    places: dict[tuple[str, bool], Place], engine: str, sealed: bool, tmp_path: Path
) -> None:
    before = places[engine, sealed]
    whole = before.copy(tmp_path / "whole")
    try:
        calls, code = run_and_kill(whole.forget, None)
    except PermissionError as error:
        pytest.skip(str(error))
    assert code == 0
    assert check(before, whole)
    outcomes = []
    points = range(1 + 2 * KINDS.index((engine, sealed)) % EVERY, calls + 1, EVERY)
    for at in points:
        place = before.copy(tmp_path / "killed")
        _, code = run_and_kill(place.forget, at)
        assert code is None, f"call {at} of {calls} was never made"
        outcomes.append(check(before, place))
    first = outcomes.index(True)
    assert outcomes == [False] * first + [True] * (len(points) - first)
    print(f"{engine}, sealed {sealed}: {len(points)} kills, the first {first} before the announcement")


@pytest.mark.skipif(not CAN_TRACE, reason="tracing system calls is written for Linux on x86-64")
@pytest.mark.parametrize(("engine", "sealed"), [("isolated", True), ("exact", False)])
def test_a_disk_that_fails(
    places: dict[tuple[str, bool], Place], engine: str, sealed: bool, tmp_path: Path
) -> None:
    """One call fails, or there is no room from it on, or the disk can't be written from it on."""
    before, rng = places[engine, sealed], random.Random(engine)
    try:
        changes, code = changes_of(before.copy(tmp_path / "whole").forget)
    except PermissionError as error:
        pytest.skip(str(error))
    assert code == 0
    for name, lasting in (("EIO", None), ("ENOSPC", ROOM), ("EROFS", frozenset(CALLS.values()))):
        concerned = [at for at, change in enumerate(changes, 1) if lasting is None or change.call in lasting]
        for at in rng.sample(concerned, 2):
            place = before.copy(tmp_path / "failed")
            do = partial(with_our_errors, place.forget)
            failed, code = run_and_fail(do, at, getattr(errno, name), lasting=lasting)
            assert failed
            assert code in (0, OURS), (name, at)
            assert check(before, place) or code == OURS


OURS = 3


def with_our_errors(do: Callable[[], object]) -> None:
    """Do it in a child; end the child with `OURS` for an error of ours."""
    try:
        do()
    except StoreError:
        os._exit(OURS)


@pytest.mark.parametrize(("engine", "sealed"), KINDS)
def test_kills_at_random_times_also_while_a_crash_is_mended(
    places: dict[tuple[str, bool], Place], engine: str, sealed: bool, tmp_path: Path
) -> None:
    before, rng = places[engine, sealed], random.Random(engine + str(sealed))
    for _ in range(2):
        place = before.copy(tmp_path / "killed")
        start = time.perf_counter()
        before.copy(tmp_path / "timed").forget()
        span = time.perf_counter() - start
        for do in (place.forget, partial(open_folder, place.model, place.keyring)):
            child = os.fork()
            if child == 0:
                try:
                    do()
                finally:
                    os._exit(0)
            time.sleep(rng.uniform(0, span))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        check(before, place)


@pytest.mark.parametrize(("engine", "sealed"), KINDS)
def test_a_full_disk(
    places: dict[tuple[str, bool], Place], engine: str, sealed: bool, tmp_path: Path
) -> None:
    before, outcomes = places[engine, sealed], []
    for limit in [0, 1, 1000, 3000, 4096, 9000, 20000, 10**6]:
        place = before.copy(tmp_path / "full")
        code = limited(place.forget, limit)
        assert code in (0, 1)
        outcomes.append(check(before, place))
        assert outcomes[-1] or code == 1
    assert outcomes[0] is False
    assert outcomes[-1] is True


def limited(do: Callable[[], object], limit: int) -> int:
    """Run `do` in a child whose files can't grow beyond `limit` bytes; 1 for one of our errors, 2 for any other."""
    import resource

    child = os.fork()
    if child == 0:
        code = 0
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            do()
        except StoreError:
            code = 1
        except BaseException:  # noqa: BLE001 - a child of a fork must not go on as a second pytest
            code = 2
        finally:
            os._exit(code)
    return os.WEXITSTATUS(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("what", ["model", "keyring"])
@pytest.mark.parametrize("sealed", [False, True])
def test_a_read_only_folder(
    places: dict[tuple[str, bool], Place], sealed: bool, what: str, tmp_path: Path
) -> None:
    before = places["isolated", sealed]
    place = before.copy(tmp_path / "fixed")
    child = os.fork()
    if child == 0:
        code = 9
        try:
            give_up_root(place, getattr(place, what))
            place.forget()
            code = 0
        except StoreError:
            code = 1
        finally:
            os._exit(code)
    code = os.WEXITSTATUS(os.waitpid(child, 0)[1])
    announced = (place.model / INTENT).exists()
    for path in [place.model, place.keyring, *place.model.rglob("*"), *place.keyring.rglob("*")]:
        os.chown(path, os.getuid(), os.getgid())
        path.chmod(0o700 if path.is_dir() else 0o600)
    gone = check(before, place)
    assert code == (1 if what == "model" or sealed else 0)
    assert gone == (code == 0 or announced)
    assert announced == (what == "keyring" and sealed)


def give_up_root(place: Place, fixed: Path) -> None:
    """Become nobody, who owns all but may not write to the folder `fixed`; who isn't root only loses that right."""
    root = os.getuid() == 0
    for path in [place.model, place.keyring, *place.model.rglob("*"), *place.keyring.rglob("*")]:
        if root:
            os.chown(path, 65534, 65534)
    for path in [fixed, *(p for p in fixed.rglob("*") if p.is_dir())]:
        path.chmod(0o500)
    if root:
        for parent in place.model.parents:
            if parent.stat().st_uid == 0 and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o011)
        os.setgid(65534)
        os.setuid(65534)


@pytest.mark.parametrize("sealed", [False, True])
def test_of_two_processes_one_wins(
    places: dict[tuple[str, bool], Place], sealed: bool, tmp_path: Path
) -> None:
    before = places["isolated", sealed]
    for _ in range(5):
        place = before.copy(tmp_path / "both")
        folder = open_folder(place.model, place.keyring)
        planned = plan(folder, label="dog")
        children = []
        for number in range(2):
            child = os.fork()
            if child == 0:
                try:
                    forget(planned, folder=folder)
                    os._exit(0)
                except PreforgetError as error:
                    (tmp_path / f"said {number}").write_text(str(error), encoding="utf-8")
                    os._exit(1)
                finally:
                    os._exit(2)
            children.append(child)
        codes = [os.WEXITSTATUS(os.waitpid(child, 0)[1]) for child in children]
        assert sorted(codes) == [0, 1]
        said = (tmp_path / f"said {codes.index(1)}").read_text(encoding="utf-8")
        assert "another process has changed it; load the model again" in said
        assert check(before, place)


@pytest.mark.parametrize("sealed", [False, True])
def test_a_forgetting_and_another_change_at_once(
    places: dict[tuple[str, bool], Place], sealed: bool, tmp_path: Path
) -> None:
    before = places["isolated", sealed]
    for _ in range(3):
        place = before.copy(tmp_path / "both")

        def set_keep(place: Place = place) -> None:
            open_folder(place.model, place.keyring).set_keep(0.5, {})

        children = []
        for do in (place.forget, set_keep):
            child = os.fork()
            if child == 0:
                try:
                    with_our_errors(do)
                    os._exit(0)
                finally:
                    os._exit(2)
            children.append(child)
        codes = [os.WEXITSTATUS(os.waitpid(child, 0)[1]) for child in children]
        assert set(codes) <= {0, OURS}
        assert 0 in codes
        folder = open_folder(place.model, place.keyring)
        assert (folder.manifest.keep == 0.5) == (codes[1] == 0)
        assert len(list((place.model / RECEIPTS).glob("*.json"))) == (codes[0] == 0)
        assert len(folder.records()) == len(digests(folder))
        folder.ledger.verify()


def test_forgetting_again_changes_nothing(places: dict[tuple[str, bool], Place], tmp_path: Path) -> None:
    place = places["isolated", True].copy(tmp_path / "again")
    place.forget()
    files = {p: p.read_bytes() for p in place.model.rglob("*") if p.is_file()}
    with pytest.raises(PreforgetError, match="never learned, or already forgotten"):
        place.forget()
    for _ in range(2):
        open_folder(place.model, place.keyring)
    assert {p: p.read_bytes() for p in place.model.rglob("*") if p.is_file()} == files
