"""Which keyring is opened, what it asks, what its parts check, and how private files are read and changed."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preforget.core.errors import IntegrityError, StoreError, UsageError
from preforget.store.head import Head
from preforget.store.key_environment import EnvironmentKeyring
from preforget.store.key_file import FileKeyring
from preforget.store.keyring import (
    KEYRINGS,
    Keyring,
    ModelKeys,
    Passphrase,
    changing,
    check_erasure_id,
    check_has_keys,
    check_model_id,
    check_record_ids,
    later_head,
    open_keyring,
    read_private,
)
from preforget.store.signing import SigningKeys

MODEL, OTHER, ONE, TWO = "a" * 32, "b" * 32, "1" * 32, "2" * 32


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every test away from the keyring of the person who runs it."""
    for name in ("PREFORGET_KEYRING", "PREFORGET_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home" / "data"))
    return tmp_path / "home"


@contextlib.contextmanager
def ordinary_user() -> Iterator[Path]:
    """Give a folder in which the process has no more rights than its owner, even if it is root."""
    with tempfile.TemporaryDirectory() as name:
        folder, user = Path(name), os.geteuid()
        if user == 0:
            os.chown(folder, 65534, -1)
            os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(user)


def test_the_argument_goes_before_the_variable_and_that_before_the_default(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_keyring().place == str(home / "data" / "preforget" / "keyring")
    monkeypatch.setenv("PREFORGET_KEYRING", str(tmp_path / "variable"))
    assert open_keyring().place == str(tmp_path / "variable")
    assert open_keyring(tmp_path / "argument").place == str(tmp_path / "argument")
    assert open_keyring(str(tmp_path / "argument")).place == str(tmp_path / "argument")
    monkeypatch.setenv("KEYS", f'{{"model":"{MODEL}","keys":{{}}}}')
    monkeypatch.setenv("PREFORGET_KEYRING", "env:KEYS")
    assert isinstance(open_keyring(), EnvironmentKeyring)


def test_the_default_is_made_privately_when_a_key_is_made_and_not_before(home: Path) -> None:
    ring = open_keyring()
    keys = ring.model(MODEL)
    assert (ring.models(), keys.destroyed(), keys.head(), ring.signing.known()) == ([], {}, None, {})
    with pytest.raises(IntegrityError, match="is not in the keyring"):
        keys.get([ONE])
    keys.create([])
    keys.discard()
    assert not home.exists()
    keys.create([ONE])
    assert ring.models() == [MODEL]
    for folder in (home / "data" / "preforget" / "keyring", home / "data"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("where", ["evn:KEYS", "vault:https://x/y", "keys:2026"])
def test_an_unknown_kind_is_refused(where: str) -> None:
    with pytest.raises(UsageError, match=r"unknown kind of keyring .*choose one of: env.*write \./"):
        open_keyring(where)


@pytest.mark.parametrize("where", ["C:\\keys", "c:/keys", "./vault:x", "a/b:c", "/a:b", "keyring", "1a:b"])
def test_a_path_is_a_path(where: str) -> None:
    ring = open_keyring(where)
    assert isinstance(ring, FileKeyring)
    assert ring.folder == Path(where).absolute()
    assert open_keyring(Path("env:KEYS")).place == str(Path("env:KEYS").absolute())


def test_an_empty_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="empty"):
        open_keyring("")
    monkeypatch.setenv("PREFORGET_KEYRING", "")
    with pytest.raises(UsageError, match="PREFORGET_KEYRING is empty"):
        open_keyring()


def test_a_key_service_is_one_class_in_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    class Service(Keyring):
        def __init__(self, address: str, passphrase: Passphrase | None) -> None:
            self.place, self.passphrase = f"service:{address}", passphrase

        def model(self, model_id: str) -> ModelKeys:
            raise StoreError("away")

        def models(self) -> list[str]:
            return []

        @property
        def signing(self) -> SigningKeys:
            raise UsageError("none")

    monkeypatch.setattr(KEYRINGS, "_entries", dict(KEYRINGS._entries))
    KEYRINGS.register("service")(Service)
    ring = open_keyring("service:https://keys:8200/a", lambda: "open")
    assert isinstance(ring, Service)
    assert ring.place == "service:https://keys:8200/a"
    assert ring.passphrase is not None


def test_the_passphrase_is_the_argument_or_the_variable_and_the_question_comes_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keyring" / f"{MODEL}.keys"
    monkeypatch.setenv("PREFORGET_PASSPHRASE", "variable")
    keys = (
        open_keyring(tmp_path / "keyring", question=lambda: pytest.fail("asked")).model(MODEL).create([ONE])
    )
    assert path.read_bytes().startswith(b'{"ciphertext":')
    with pytest.raises(IntegrityError, match="the passphrase is wrong"):
        open_keyring(tmp_path / "keyring", lambda: "argument").model(MODEL).get([ONE])
    monkeypatch.delenv("PREFORGET_PASSPHRASE")
    with pytest.raises(UsageError, match=f"{path} is encrypted; set PREFORGET_PASSPHRASE, or answer"):
        open_keyring(tmp_path / "keyring").model(MODEL).get([ONE])
    assert open_keyring(tmp_path / "keyring", question=lambda: "variable").model(MODEL).get([ONE]) == keys
    monkeypatch.setenv("PREFORGET_PASSPHRASE", "")
    with pytest.raises(UsageError, match="the passphrase has 0 bytes"):
        open_keyring(tmp_path / "other").model(MODEL).create([ONE])
    assert not (tmp_path / "other" / f"{MODEL}.keys").exists()


def test_a_plain_keyring_asks_nothing_and_stays_plain(tmp_path: Path) -> None:
    for model in (MODEL, OTHER):
        open_keyring(tmp_path / "k", question=lambda: pytest.fail("asked")).model(model).create([ONE])
    assert not open_keyring(tmp_path / "k").encrypted  # type: ignore[attr-defined]


def check_refused(ids: Iterable[str]) -> None:
    with pytest.raises(UsageError):
        check_record_ids(ids)


@given(st.text())
def test_ids_are_what_can_be_file_names_and_json(text: str) -> None:
    if re.fullmatch(r"[0-9a-f]{32}", text) is None:
        check_refused([text])
    for check, pattern in ((check_model_id, r"[0-9a-z-]+"), (check_erasure_id, r"[0-9A-Za-z._:-]+")):
        try:
            assert check(text) == text
        except UsageError:
            continue
        assert re.fullmatch(pattern, text, re.ASCII)


def test_ids_of_each_kind() -> None:
    assert check_record_ids(iter([TWO, ONE, TWO])) == [TWO, ONE]
    check_refused(ONE)  # a text is a list of letters too
    for text in ("", "..", "-a", "a-", "A", "a/b", "a" * 65, "a\n", "a.b"):
        with pytest.raises(UsageError, match="no model id"):
            check_model_id(text)
    for text in ("", "a b", 'a"', "é", "a" * 129, "a\n"):
        with pytest.raises(UsageError, match="no erasure id"):
            check_erasure_id(text)
    assert check_model_id("3f2c-9") == "3f2c-9"


def test_a_missing_key_is_explained() -> None:
    check_has_keys([ONE], {ONE: b""}, {}, "K")
    with pytest.raises(IntegrityError, match=f"{TWO} was destroyed by erasure e1"):
        check_has_keys([ONE, TWO], {ONE: b""}, {TWO: "e1"}, "K")
    with pytest.raises(
        IntegrityError, match=f"{TWO} is not in the keyring K; give the right one with --keyring"
    ):
        check_has_keys([ONE, TWO], {ONE: b""}, {}, "K")


@given(st.integers(0, 5), st.integers(0, 5), st.sampled_from("ab"), st.sampled_from("ab"))
def test_heads_only_go_on(first: int, second: int, one: str, two: str) -> None:
    noted, head = Head(first, f"sha256:{one * 64}"), Head(second, f"sha256:{two * 64}")
    assert later_head(None, head, "K") == later_head(head, None, "K") == head
    if second > first or noted == head:
        assert later_head(noted, head, "K") == head
    else:
        with pytest.raises(IntegrityError, match=f"ends with row {second}, .* row {first} that K has noted"):
            later_head(noted, head, "K")


def test_private_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert read_private(path) is None
    path.touch(0o600)
    path.write_bytes(b"x")
    assert read_private(path) == b"x"
    for mode in (0o640, 0o604, 0o700, 0o660, 0o4600):
        path.chmod(mode)
        with pytest.raises(StoreError, match=f"make it private with: chmod 600 {path}"):
            read_private(path)


def test_links_pipes_and_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").touch(0o600)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    for name in ("link", "dangling"):
        with pytest.raises(StoreError, match=f"{name} is a symbolic link"):
            read_private(tmp_path / name)
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(0o700)
    for name in ("pipe", "folder"):
        with pytest.raises(StoreError, match=f"{name} is no file"):
            read_private(tmp_path / name)
    with pytest.raises(StoreError, match="can't be read"):
        read_private(tmp_path / "a" / "b")


def test_files_that_may_not_be_read_or_written_give_a_clear_error() -> None:
    with ordinary_user() as folder:
        (folder / "a").touch(0o200)
        with pytest.raises(StoreError, match="a can't be read: Permission denied; make it readable"):
            read_private(folder / "a")
        folder.chmod(0o500)
        for place in (folder / "new", folder):
            with (
                pytest.raises(StoreError, match=r"keyring .* can't be written: .*--keyring"),
                changing(place),
            ):
                (place / "b").touch()
        folder.chmod(0o700)


def test_changes_happen_in_a_private_folder_without_leftovers(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with changing(tmp_path / "a" / "b"):
            assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
            assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    finally:
        os.umask(before)
    (tmp_path / "a" / "b" / ".writing-x").write_bytes(b"old keys")
    with changing(tmp_path / "a" / "b"):
        assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "a" / "b").chmod(0o770)
    with (
        pytest.raises(StoreError, match=r"others may change the keyring .*chmod 700"),
        changing(tmp_path / "a" / "b"),
    ):
        pytest.fail("went on")


def test_the_question_comes_before_the_lock(tmp_path: Path) -> None:
    def ask() -> str:
        with changing(tmp_path):  # would wait for ever inside
            return "open"

    with changing(tmp_path, ask):
        pass
