"""Many keys of one model: pages by the first digits of ids, of which destroying a key replaces one."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from preforget.core.errors import IntegrityError, UsageError
from preforget.store.head import Head
from preforget.store.key_backup import back_up, put_back, read_backup
from preforget.store.key_file import FileKeyring
from preforget.store.model_keys import PAGED_FROM, FileModelKeys

MODEL, ERASURE = "0" * 32, "e" * 32
IDS = [f"{number % 256:02x}{secrets.token_hex(15)}" for number in range(PAGED_FROM)]
FIRST, SECOND = (Head(number, f"sha256:{'0' * 63}{number}") for number in (1, 2))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ring") / "keyring"
    FileModelKeys(folder, MODEL).create(IDS, made_for="a" * 64)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "keyring"))


def test_many_first_keys_lie_in_pages_and_few_in_the_main_file(folder: Path, tmp_path: Path) -> None:
    assert len(contents(folder)) == 257
    main = contents(folder)[f"{MODEL}.keys"]
    assert not any(i.encode() in main for i in IDS)
    few = FileModelKeys(tmp_path / "few", MODEL)
    few.create(IDS[1:])
    few.create(IDS[:1])
    assert [*contents(tmp_path / "few")] == [f"{MODEL}.keys"]


def test_keys_are_the_same_in_another_process(folder: Path) -> None:
    keys = FileModelKeys(folder, MODEL).get(IDS)
    assert [*keys] == IDS
    assert len(set(keys.values())) == len(IDS)
    assert FileModelKeys(folder, MODEL).get(IDS) == keys
    assert FileModelKeys(folder, MODEL).holding([*IDS, "f" * 32]) == set(IDS)
    with pytest.raises(IntegrityError, match="is not in the keyring"):
        FileModelKeys(folder, MODEL).get([IDS[0], "f" * 32])


def test_destroying_one_replaces_one_page_and_leaves_no_trace_of_it(folder: Path) -> None:
    keys = FileModelKeys(folder, MODEL)
    keys.note_head(FIRST)
    before, key = contents(folder), keys.get(IDS[:1])[IDS[0]]
    assert keys.destroy(IDS[:1], ERASURE) == 1
    assert keys.destroyed_of(IDS[:2]) == {IDS[0]} == keys.destroyed().keys()
    after = contents(folder)
    assert [name for name in after if after[name] != before.get(name)] == [f"{MODEL}.{IDS[0][:2]}.page"]
    assert keys.destroyed() == {IDS[0]: ERASURE}
    assert keys.holding(IDS) == set(IDS[1:])
    assert not any(key in content or key.hex().encode() in content for content in after.values())
    assert keys.destroy(IDS[:1], "f" * 32) == 0
    assert keys.destroyed() == {IDS[0]: ERASURE}
    with pytest.raises(IntegrityError, match=f"destroyed by erasure {ERASURE}"):
        keys.create(IDS[:1])
    with pytest.raises(UsageError, match="needs a new id"):
        keys.create(IDS[1:2])


def test_a_head_that_is_behind_destroys_nothing(folder: Path) -> None:
    keys = FileModelKeys(folder, MODEL)
    keys.destroy(IDS[:2], ERASURE, SECOND)
    assert keys.head() == SECOND
    with pytest.raises(IntegrityError, match="an old copy"):
        keys.destroy(IDS[2:3], ERASURE, FIRST)
    assert keys.holding(IDS) == set(IDS[2:])
    keys.follow_restored(FIRST, IDS[2:3], ERASURE)
    assert (keys.head(), keys.holding(IDS)) == (FIRST, set(IDS[3:]))


def test_keys_are_pending_until_a_head_is_noted(folder: Path) -> None:
    keys = FileModelKeys(folder, MODEL)
    assert (keys.pending(), keys.made_for()) == (set(IDS), "a" * 64)
    keys.note_head(FIRST)
    assert (keys.pending(), keys.made_for()) == (set(), "")
    new = [f"aa{secrets.token_hex(15)}", f"bb{secrets.token_hex(15)}"]
    keys.create(new[:1])
    keys.create(new[1:])
    assert keys.pending() == set(new)
    keys.destroy(new[:1], ERASURE)
    assert keys.pending() == {new[1]}
    keys.note_head(FIRST)
    assert keys.pending() == set()
    keys.create(third := [f"cc{secrets.token_hex(15)}"])
    assert keys.pending() == set(third)


def test_an_attempt_is_withdrawn_from_its_place_alone(folder: Path) -> None:
    keys = FileModelKeys(folder, MODEL)
    with pytest.raises(IntegrityError, match="another place"):
        keys.withdraw(IDS, "b" * 64)
    with pytest.raises(IntegrityError, match="lives by"):
        keys.withdraw(IDS[1:], "a" * 64)
    assert keys.holding(IDS) == set(IDS)
    keys.withdraw(IDS, "a" * 64)
    assert contents(folder) == {}


def test_sealing_takes_over_the_keys_of_an_attempt(tmp_path: Path) -> None:
    keys = FileModelKeys(tmp_path, MODEL)
    first = keys.begin(IDS)
    assert len(contents(tmp_path)) == 257
    assert keys.begin([*IDS, "f" * 32], IDS).items() > first.items()


def test_a_passphrase_encrypts_every_page_and_can_be_changed(folder: Path, tmp_path: Path) -> None:
    before = FileModelKeys(folder, MODEL).get(IDS)
    FileKeyring(folder).change_passphrase(lambda: "one passphrase")
    FileKeyring(folder, lambda: "one passphrase").change_passphrase(lambda: "another passphrase")
    assert not any(IDS[0].encode() in content for content in contents(folder).values())
    ring = FileKeyring(folder, lambda: "another passphrase")
    assert ring.model(MODEL).get(IDS) == before
    page = folder / f"{MODEL}.00.page"
    shutil.copy(folder / f"{MODEL}.01.page", page)
    with pytest.raises(IntegrityError):
        FileKeyring(folder, lambda: "another passphrase").model(MODEL).get(IDS)


def test_a_page_in_the_place_of_another_is_refused(folder: Path) -> None:
    shutil.copy(folder / f"{MODEL}.01.page", folder / f"{MODEL}.00.page")
    with pytest.raises(IntegrityError, match="keys of another"):
        FileModelKeys(folder, MODEL).get(IDS)


def test_a_backup_holds_every_page(folder: Path, tmp_path: Path) -> None:
    back_up(FileKeyring(folder), tmp_path / "backup")
    backup = read_backup(tmp_path / "backup")
    assert backup.models == [MODEL]
    put_back(backup, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(folder)


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
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_killed_at_any_point_each_key_is_there_or_destroyed(made: Path, tmp_path: Path) -> None:
    number, ended = 0, False
    while not ended:
        shutil.rmtree(tmp_path / "keyring", ignore_errors=True)
        folder = Path(shutil.copytree(made, tmp_path / "keyring"))
        ended = killed_at(number, lambda: FileModelKeys(folder, MODEL).destroy(IDS[:3], ERASURE, FIRST))  # noqa: B023
        keys = FileModelKeys(folder, MODEL)
        held, gone = keys.holding(IDS), keys.destroyed().keys()
        assert held | gone == set(IDS)
        assert not held & gone
        assert keys.head() in (None, FIRST)
        if keys.head() == FIRST:
            assert gone == set(IDS[:3])
        keys.destroy(IDS[:3], ERASURE, FIRST)
        assert keys.holding(IDS) == set(IDS[3:])
        number += 5


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("number", [0, 3, 40, 400])
def test_what_a_killed_creation_left_is_withdrawn(tmp_path: Path, number: int) -> None:
    killed_at(number, lambda: FileModelKeys(tmp_path / "keyring", MODEL).create(IDS, "a" * 64))
    keys = FileModelKeys(tmp_path / "keyring", MODEL)
    keys.withdraw(IDS, "a" * 64)
    assert not [name for name in contents(tmp_path / "keyring") if not name.startswith(".writing-")]
    assert keys.create(IDS, "a" * 64).keys() == set(IDS)
