"""Forgetting a person of a model with packs: as in one without, wherever it is killed and whatever comes back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from preforget.classifier import PreForgettableClassifier
from preforget.erasure import forget, open_folder, plan, restore
from preforget.erasure.copies import add_copy
from preforget.erasure.verify import verify
from preforget.store import ModelFolder
from preforget.store.keyring import open_keyring
from preforget.store.layout import RECEIPTS

PEOPLE = [f"person-{n:02}" for n in range(40)]
rng = np.random.default_rng(0)
X = rng.normal(size=(160, 3)) + np.repeat([[0.0], [4.0]], 80, axis=0)
Y = np.repeat(["cat", "dog"], 80)
WHO = PEOPLE * 4


@dataclass(frozen=True)
class Place:
    """A model folder and its keyring."""

    model: Path
    keyring: Path

    def open(self) -> ModelFolder:
        return open_folder(self.model, self.keyring)

    def forget(self, *names: str) -> None:
        folder = self.open()
        forget(plan(folder, subject=list(names)), folder=folder, reason="request 7")

    @property
    def people(self) -> set[str]:
        return {str(record.subject) for record in self.open().records() if record.subject is not None}

    def verified(self) -> int:
        """Return how many receipts are there; all must hold."""
        keyring, receipts = open_keyring(self.keyring), [*(self.model / RECEIPTS).glob("*.json")]
        for receipt in receipts:
            checked = verify(receipt, self.model, keyring.signing.known(), keyring)
            assert checked.passed, checked.checks
        return len(receipts)

    def copy(self, to: Path) -> Place:
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.keyring, to / "keyring")
        return Place(Path(shutil.copytree(self.model, to / "model")), to / "keyring")


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "sealed"])
def learned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("packs")
    model = PreForgettableClassifier("features", "exact").fit(X, Y, subjects=WHO)
    model.save_pretrained(root / "model", sealed=request.param, keyring=root / "keyring")
    open_keyring(root / "keyring").signing.current()
    assert model.folder is not None
    assert len(model.folder.manifest.packs) == 1
    return Place(root / "model", root / "keyring")


@pytest.fixture
def place(learned: Place, tmp_path: Path) -> Place:
    return learned.copy(tmp_path / "copy")


def test_one_person_and_several(place: Place) -> None:
    place.forget(PEOPLE[0])
    place.forget(*PEOPLE[1:4])
    assert place.people == set(PEOPLE[4:])
    assert place.verified() == 2
    assert len(place.open().manifest.packs) == 1
    content = b"".join(path.read_bytes() for path in place.model.rglob("*") if path.is_file())
    assert not any(name.encode() in content for name in PEOPLE[:4])


def test_in_a_loaded_model_what_is_left_equals_a_model_without_the_person(place: Place) -> None:
    model = PreForgettableClassifier.from_pretrained(place.model, keyring=place.keyring)
    model.forget_subject(PEOPLE[5])
    stays = np.array(WHO) != PEOPLE[5]
    without = PreForgettableClassifier("features", "exact").fit(X, Y, subjects=WHO)
    without.forget_subject(PEOPLE[5])
    again = PreForgettableClassifier.from_pretrained(place.model, keyring=place.keyring)
    for other in (model, again):
        assert np.array_equal(other.scores(X[stays]), without.scores(X[stays]))


def test_a_class_goes_with_all_its_units(place: Place) -> None:
    folder = place.open()
    forget(plan(folder, label="cat"), folder=folder)
    assert {record.label for record in place.open().records()} == {"dog"}
    assert place.verified() == 1


def test_a_backup_of_a_sealed_model_brings_nobody_back_and_loses_nobody(place: Place, tmp_path: Path) -> None:
    if not place.open().manifest.sealed:
        pytest.skip("of a plain model nothing but the ledger's export knows")
    shutil.copytree(place.model, tmp_path / "backup")
    place.forget(*PEOPLE[:2])
    shutil.rmtree(place.model)
    (tmp_path / "backup").rename(place.model)
    assert restore(place.model, place.keyring) > 0
    assert place.people == set(PEOPLE[2:])


def test_a_newer_export_tells_what_to_erase_in_a_backup(place: Place, tmp_path: Path) -> None:
    shutil.copytree(place.model, tmp_path / "backup")
    place.forget(*PEOPLE[:2])
    (tmp_path / "ledger").write_text("\n".join(place.open().ledger.export()) + "\n")
    shutil.rmtree(place.model)
    (tmp_path / "backup").rename(place.model)
    assert restore(place.model, place.keyring, tmp_path / "ledger") > 0
    assert place.people == set(PEOPLE[2:])


def test_a_copy_is_looked_into(place: Place, tmp_path: Path) -> None:
    shutil.copytree(place.model, tmp_path / "backup")
    folder = place.open()
    add_copy(folder, "backup", str(tmp_path / "backup"))
    erasure = forget(plan(folder, subject=PEOPLE[0]), folder=folder)
    sealed = folder.manifest.sealed
    assert [copy["status"] for copy in erasure.copies] == ["removed" if sealed else "out of our control"]


def killed_at(number: int, act: Callable[[], object]) -> bool:
    """Run in a process of its own that dies before its n-th change of the disk; return whether it came to the end."""
    child = os.fork()
    if child == 0:
        left = [number]

        def counted(real: Callable[..., object]) -> Callable[..., object]:
            def call(*args: object, **others: object) -> object:
                left[0] -= 1
                if left[0] < 0:
                    os._exit(9)
                return real(*args, **others)

            return call

        os.fsync = counted(os.fsync)  # type: ignore[assignment]
        for name in ("replace", "unlink"):
            setattr(Path, name, counted(getattr(Path, name)))
        try:
            act()
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_killed_before_any_change_the_person_is_whole_or_gone_with_a_receipt(
    learned: Place, tmp_path: Path
) -> None:
    number, ended, seen = 1, False, set()
    while not ended:
        place = learned.copy(tmp_path / "copy")
        ended = killed_at(number, lambda: place.forget(PEOPLE[0]))  # noqa: B023 - called at once
        left = place.people
        assert left in (set(PEOPLE), set(PEOPLE[1:]))
        assert place.verified() == (PEOPLE[0] not in left)
        seen.add(len(left))
        if PEOPLE[0] in left:
            place.forget(PEOPLE[0])
            assert (place.people, place.verified()) == (set(PEOPLE[1:]), 1)
        number += int(os.environ.get("PREFORGET_KILL_EVERY", "7"))
    assert seen == {39, 40}


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_restoring_that_was_killed_is_repeated(learned: Place, tmp_path: Path) -> None:
    if not learned.open().manifest.sealed:
        pytest.skip("of a plain model nothing but the ledger's export knows")
    later = learned.copy(tmp_path / "later")
    later.forget(PEOPLE[0])
    number, ended = 0, False
    while not ended:
        place = Place(learned.copy(tmp_path / "old").model, later.copy(tmp_path / "new").keyring)
        ended = killed_at(number, lambda: restore(place.model, place.keyring))  # noqa: B023 - called at once
        restore(place.model, place.keyring)
        assert place.people == set(PEOPLE[1:])
        number += int(os.environ.get("PREFORGET_KILL_EVERY", "4"))


def test_verify_passes_over_packs_that_are_as_written_unless_it_is_deep(place: Place) -> None:
    place.forget(PEOPLE[0])
    keyring, (receipt,) = open_keyring(place.keyring), [*(place.model / RECEIPTS).glob("*.json")]
    read = []
    for deep in (False, True):
        checked = verify(receipt, place.model, keyring.signing.known(), keyring, deep=deep)
        assert checked.passed
        (pieces,) = [check["detail"] for check in checked.checks if check["name"] == "pieces"]
        read.append(int(pieces.split()[0].replace(",", "")))
        assert ("as they were written" in pieces) is not deep
    (pack,) = (place.model / "packs").iterdir()
    assert read[1] - read[0] == pack.stat().st_size
