"""Which keyring is opened, and what it asks."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from preforget.core.errors import IntegrityError, StoreError, UsageError
from preforget.store.key_environment import EnvironmentKeyring
from preforget.store.key_file import FileKeyring
from preforget.store.key_service import (
    KEYRINGS,
    Keyring,
    ModelKeys,
    Passphrase,
)
from preforget.store.keyring import open_keyring
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


def test_the_argument_goes_before_the_variable_and_that_before_the_default(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_keyring().place == str(home / "data" / "preforget" / "keyring")
    monkeypatch.setenv("PREFORGET_KEYRING", str(tmp_path / "the variable's one"))
    assert open_keyring().place == str(tmp_path / "the variable's one")
    assert open_keyring(tmp_path / "the argument's one").place == str(tmp_path / "the argument's one")
    assert open_keyring(str(tmp_path / "the argument's one")).place == str(tmp_path / "the argument's one")
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
    keys.withdraw([])
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

    for table in ("_entries", "_modules"):
        monkeypatch.setattr(KEYRINGS, table, dict(getattr(KEYRINGS, table)))
    KEYRINGS.register("service")(Service)
    ring = open_keyring("service:https://keys:8200/a", lambda: "open")
    assert isinstance(ring, Service)
    assert ring.place == "service:https://keys:8200/a"
    assert ring.passphrase is not None


def test_the_passphrase_is_the_argument_or_the_variable_and_the_question_comes_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keyring" / f"{MODEL}.keys"
    monkeypatch.setenv("PREFORGET_PASSPHRASE", "the variable's one")
    keys = (
        open_keyring(tmp_path / "keyring", question=lambda: pytest.fail("asked")).model(MODEL).create([ONE])
    )
    assert path.read_bytes().startswith(b'{"ciphertext":')
    with pytest.raises(IntegrityError, match="the passphrase is wrong"):
        open_keyring(tmp_path / "keyring", lambda: "the argument's one").model(MODEL).get([ONE])
    monkeypatch.delenv("PREFORGET_PASSPHRASE")
    with pytest.raises(UsageError, match=f"{path} is encrypted; set PREFORGET_PASSPHRASE, or answer"):
        open_keyring(tmp_path / "keyring").model(MODEL).get([ONE])
    assert (
        open_keyring(tmp_path / "keyring", question=lambda: "the variable's one").model(MODEL).get([ONE])
        == keys
    )
    monkeypatch.setenv("PREFORGET_PASSPHRASE", "")
    with pytest.raises(UsageError, match="the passphrase has 0 bytes"):
        open_keyring(tmp_path / "other").model(MODEL).create([ONE])
    assert not (tmp_path / "other" / f"{MODEL}.keys").exists()


def test_a_plain_keyring_asks_nothing_and_stays_plain(tmp_path: Path) -> None:
    for model in (MODEL, OTHER):
        open_keyring(tmp_path / "k", question=lambda: pytest.fail("asked")).model(model).create([ONE])
    assert not open_keyring(tmp_path / "k").encrypted  # type: ignore[attr-defined]
