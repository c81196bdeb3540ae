from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from preforget.cli.main import main
from preforget.store.passphrase import LOCKED
from preforget.store.signing import key_id

from ..forked import Forked
from .conftest import Terminal
from .person import AGAIN, NEW, OLD, at_a_terminal

WRONG = "the passphrases differ or are empty; nothing was made"
SHORT = "Type yes to take it all the same: "


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    return tmp_path / "own keyring"


def private_of(ring: Path) -> Ed25519PrivateKey:
    key = load_pem_private_key((ring / "signing" / "current.pem").read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    return key


def secrets_of(ring: Path) -> list[str]:
    """Return the private key in every way in which it could be printed."""
    key, pem = private_of(ring), (ring / "signing" / "current.pem").read_text()
    raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    return ["PRIVATE", pem.splitlines()[1], raw.hex(), base64.b64encode(raw).decode()]


def test_made(ring: Path, terminal: Terminal) -> None:
    done = terminal("keys", "make", "--keyring", ring)
    assert (done.code, done.err) == (0, "")
    first, *pem, last = done.out.splitlines()
    public = private_of(ring).public_key()
    assert first == f"{key_id(public)}  current"
    assert load_pem_public_key("\n".join(pem).encode()) == public
    assert last == f"0 models have something in {ring}"
    assert (ring / "signing").stat().st_mode & 0o777 == 0o700
    assert (ring / "signing" / "current.pem").stat().st_mode & 0o777 == 0o600


def test_json(ring: Path, terminal: Terminal) -> None:
    found = terminal("keys", "make", "--keyring", ring, "--json").json
    public = private_of(ring).public_key()
    assert load_pem_public_key(found.pop("public").encode()) == public
    assert found == {"keyring": str(ring), "current": key_id(public), "known": [key_id(public)], "models": []}


def test_a_second_key_is_not_made(ring: Path, terminal: Terminal) -> None:
    assert terminal("keys", "make", "--keyring", ring).code == 0
    before = private_of(ring).public_key()
    done = terminal("keys", "make", "--keyring", ring)
    assert (done.code, done.out) == (2, "")
    assert "there is a signing key in" in done.err
    assert "replace it by rotating the key" in done.err
    assert private_of(ring).public_key() == before


@pytest.mark.parametrize("action", ["show", "rotate"])
def test_where_there_is_no_key(ring: Path, terminal: Terminal, action: str) -> None:
    done = terminal("keys", action, "--keyring", ring)
    assert (done.code, done.out) == (2, "")
    assert "no signing key" in done.err
    assert not (ring / "signing" / "current.pem").exists()


def test_showing_makes_nothing(ring: Path, terminal: Terminal) -> None:
    terminal("keys", "show", "--keyring", ring)
    assert not ring.exists()


def test_rotated(ring: Path, terminal: Terminal) -> None:
    ids = [terminal("keys", "make", "--keyring", ring, "--json").json["current"]]
    for _ in range(2):
        done = terminal("keys", "rotate", "--keyring", ring, "--json")
        assert done.code == 0
        ids.append(done.json["current"])
        assert sorted(ids) == done.json["known"]
    assert len(set(ids)) == 3
    out = terminal("keys", "show", "--keyring", ring).out
    assert out.splitlines()[:3] == [f"{ids[0]}  former", f"{ids[1]}  former", f"{ids[2]}  current"]
    assert out.count("BEGIN PUBLIC KEY") == 1


def test_no_private_key_is_ever_printed(ring: Path, terminal: Terminal, tmp_path: Path) -> None:
    secrets, texts = [], []
    for action in ("make", "show", "rotate", "show", "make"):
        for more in ((), ("--json",), ("--public", tmp_path / "key.pub.pem")):
            done = terminal("keys", action, "--keyring", ring, *more)
            texts.append(done.out + done.err)
            secrets += secrets_of(ring)
    texts.append((tmp_path / "key.pub.pem").read_text())
    assert not any(secret in text for secret in secrets for text in texts)


def test_the_public_key_for_others(ring: Path, terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "key.pub.pem"
    assert terminal("keys", "make", "--keyring", ring, "--public", file).code == 0
    assert load_pem_public_key(file.read_bytes()) == private_of(ring).public_key()
    assert terminal("keys", "rotate", "--keyring", ring, "--public", file).code == 2
    assert load_pem_public_key(file.read_bytes()) == private_of(ring).public_key()  # nothing was rotated
    assert terminal("keys", "rotate", "--keyring", ring, "--public", file, "--force").code == 0
    assert load_pem_public_key(file.read_bytes()) == private_of(ring).public_key()
    done = terminal("keys", "show", "--keyring", ring, "--public", tmp_path)
    assert (done.code, f"{tmp_path} is no plain file" in done.err) == (2, True)
    done = terminal("keys", "show", "--keyring", ring, "--public", tmp_path / "nowhere" / "key")
    assert (done.code, "nowhere does not exist; make that folder first" in done.err) == (2, True)


def test_a_place_where_the_public_key_can_not_go_is_found_before_a_key_is_rotated(
    ring: Path, terminal: Terminal, tmp_path: Path
) -> None:
    assert terminal("keys", "make", "--keyring", ring).code == 0
    before = private_of(ring).public_key()
    assert terminal("keys", "rotate", "--keyring", ring, "--public", tmp_path / "nowhere" / "key").code == 2
    assert private_of(ring).public_key() == before


def test_models_of_the_keyring(model: Path, ring: Path, terminal: Terminal) -> None:
    assert terminal("keys", "make", "--keyring", ring).code == 0
    assert terminal("seal", model, "--keyring", ring).code == 0
    (file,) = ring.glob("*.keys")
    found = terminal("keys", "show", "--keyring", ring, "--json").json
    assert found["models"] == [file.stem]
    assert not any(key in json.dumps(found) for key in json.loads(file.read_bytes())["keys"].values())


def test_receipts_of_a_former_key_still_hold(
    model: Path, ring: Path, terminal: Terminal, tmp_path: Path
) -> None:
    at, old = ("--keyring", ring), tmp_path / "old.pub.pem"
    place = terminal("forget", model, "dog", "--yes", *at, "--json").json["forgotten"][0]["receipt"]
    first = terminal("keys", "show", *at, "--public", old, "--json").json["current"]
    assert terminal("keys", "rotate", *at).code == 0
    assert terminal("receipt", place, *at, "--json").json["key"] == first
    assert terminal("verify", place, model, *at).code == 0
    assert terminal("verify", place, model, "--public-key", old, "--keyring", tmp_path / "none").code == 0
    newer = terminal("forget", model, "cat", "--yes", *at, "--json").json["forgotten"][0]["receipt"]
    second = terminal("receipt", newer, *at, "--json").json["key"]
    assert second != first
    assert second == terminal("keys", "show", *at, "--json").json["current"]
    done = terminal("receipt", newer, "--public-key", old)  # whoever has the old key alone
    assert (done.code, done.out) == (3, "")


def test_the_environment_has_no_keys_that_sign(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_KEYS", "[]")
    for action in ("make", "show", "rotate"):
        done = terminal("keys", action, "--keyring", "env:MODEL_KEYS")
        assert (done.code, done.out) == (2, "")
        assert "holds no keys that sign; name a folder" in done.err


@pytest.mark.parametrize("action", ["show", "rotate"])
def test_a_passphrase_goes_with_make(ring: Path, terminal: Terminal, action: str) -> None:
    done = terminal("keys", action, "--passphrase", "--keyring", ring)
    assert (done.code, done.out) == (2, "")
    assert "--passphrase goes with 'make'" in done.err


def test_unknown_actions_and_keyrings(terminal: Terminal) -> None:
    assert terminal("keys", "burn").code == 2
    assert terminal("keys").code == 2
    done = terminal("keys", "show", "--keyring", "vault:x")
    assert (done.code, done.out) == (2, "")
    assert "unknown kind of keyring 'vault'" in done.err


def test_damaged_keys(ring: Path, terminal: Terminal) -> None:
    assert terminal("keys", "make", "--keyring", ring).code == 0
    path = ring / "signing" / "current.pem"
    content = path.read_text()
    path.write_text(content[:40] + ("A" if content[40] != "A" else "B") + content[41:])
    done = terminal("keys", "show", "--keyring", ring)
    assert (done.code, done.out) == (3, "")
    path.unlink()
    assert terminal("keys", "show", "--keyring", ring).code == 3


def test_a_full_disk_leaves_the_key_that_was_there(
    ring: Path, terminal: Terminal, full_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    assert terminal("keys", "make", "--keyring", ring).code == 0
    before = private_of(ring).public_key()
    with full_disk(20):
        done = terminal("keys", "rotate", "--keyring", ring)
    assert (done.code, done.out) == (1, "")
    assert private_of(ring).public_key() == before
    assert terminal("keys", "show", "--keyring", ring, "--json").json["current"] == key_id(before)


# --- passphrases from the environment


def test_an_encrypted_keyring(ring: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFORGET_PASSPHRASE", "correct horse")
    made = terminal("keys", "make", "--keyring", ring, "--json")
    assert made.code == 0
    assert (ring / "signing" / "current.pem").read_bytes().startswith(LOCKED)
    assert terminal("keys", "show", "--keyring", ring, "--json").json["current"] == made.json["current"]
    assert terminal("keys", "rotate", "--keyring", ring).code == 0
    assert (ring / "signing" / "current.pem").read_bytes().startswith(LOCKED)
    monkeypatch.setenv("PREFORGET_PASSPHRASE", "wrong horse")
    for action in ("show", "rotate"):
        done = terminal("keys", action, "--keyring", ring)
        assert (done.code, done.out) == (3, "")
        assert "the passphrase is wrong or the file was changed" in done.err
        assert "horse" not in done.err
    monkeypatch.delenv("PREFORGET_PASSPHRASE")
    done = terminal("keys", "show", "--keyring", ring)
    assert (done.code, done.out) == (2, "")
    assert "is encrypted; set PREFORGET_PASSPHRASE" in done.err
    monkeypatch.setenv("PREFORGET_PASSPHRASE", "")
    done = terminal("keys", "show", "--keyring", ring)
    assert (done.code, done.out) == (2, "")
    assert "it needs 1 to 1000" in done.err


def test_a_sealed_model_with_an_encrypted_keyring(
    model: Path, ring: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = ("--keyring", ring)
    monkeypatch.setenv("PREFORGET_PASSPHRASE", "correct horse")
    assert terminal("seal", model, *at).code == 0
    assert terminal("classes", model, *at).code == 0
    place = terminal("forget", model, "dog", "--yes", *at, "--json").json["forgotten"][0]["receipt"]
    assert next(ring.glob("*.keys")).read_bytes().startswith(b'{"ciphertext":')
    monkeypatch.setenv("PREFORGET_PASSPHRASE", "wrong horse")
    assert terminal("classes", model, *at).code == 3
    monkeypatch.delenv("PREFORGET_PASSPHRASE")
    done = terminal("classes", model, *at)
    assert (done.code, done.out) == (2, "")
    assert "is encrypted; set PREFORGET_PASSPHRASE" in done.err
    assert terminal("receipt", place, *at).code == 0  # public keys are enough to check
    assert terminal("verify", place, model, *at).code == 0


# --- passphrases from a terminal


def test_a_new_passphrase_is_asked_twice(
    ring: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [(NEW, "correct horse\n"), (AGAIN, "correct horse\n")]
    code, seen = at_a_terminal("keys", "make", "--passphrase", "--keyring", ring, answers=answers)
    assert code == 0, seen
    assert "horse" not in seen  # it isn't shown
    assert "without this passphrase nothing sealed with the keyring can be read again" in seen
    assert (ring / "signing" / "current.pem").read_bytes().startswith(LOCKED)
    monkeypatch.setenv("PREFORGET_PASSPHRASE", "correct horse")
    assert terminal("keys", "show", "--keyring", ring).code == 0


@pytest.mark.parametrize(("first", "second"), [("one\n", "other\n"), ("\n", None)])
def test_answers_that_differ_or_are_empty(ring: Path, first: str, second: str | None) -> None:
    answers = [(NEW, first), *([] if second is None else [(AGAIN, second)])]
    code, seen = at_a_terminal("keys", "make", "--passphrase", "--keyring", ring, answers=answers)
    assert code == 2
    assert seen.splitlines()[-1] == f"preforget: {WRONG}"
    assert not (ring / "signing").exists()


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_a_short_passphrase_is_warned_of_and_confirmed(ring: Path, answer: str) -> None:
    answers = [(NEW, "short\n"), (AGAIN, "short\n"), (SHORT, f"{answer}\n")]
    code, seen = at_a_terminal("keys", "make", "--passphrase", "--keyring", ring, answers=answers)
    assert "warning: it has fewer than 12 characters" in seen
    assert (code, (ring / "signing").exists()) == ((0, True) if answer == "yes" else (2, False))


def test_without_a_terminal_a_short_passphrase_is_confirmed_by_an_option(
    ring: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFORGET_PASSPHRASE", "short")
    done = terminal("keys", "make", "--keyring", ring)
    assert (done.code, ring.exists()) == (2, False)
    assert "fewer than 12 characters" in done.err
    assert terminal("keys", "make", "--short-passphrase", "--keyring", ring).code == 0
    assert terminal("keys", "rotate", "--keyring", ring).code == 0  # it is that of the keyring now


def test_the_passphrase_is_changed_and_receipts_stay_those_of_the_same_key(
    model: Path, ring: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = ("--keyring", ring)
    monkeypatch.setenv("PREFORGET_PASSPHRASE", "correct horse")
    assert terminal("seal", model, *at).code == 0
    before = terminal("keys", "show", *at, "--json").json["current"]
    done = terminal("keys", "passphrase", *at)
    assert (done.code, "PREFORGET_NEW_PASSPHRASE" in done.err) == (2, True)
    monkeypatch.setenv("PREFORGET_NEW_PASSPHRASE", "short")
    assert terminal("keys", "passphrase", *at).code == 2
    monkeypatch.setenv("PREFORGET_NEW_PASSPHRASE", "battery staple")
    done = terminal("keys", "passphrase", *at)
    assert done.code == 0
    assert "still open with the former passphrase" in done.err
    assert terminal("classes", model, *at).code == 3
    monkeypatch.setenv("PREFORGET_PASSPHRASE", "battery staple")
    assert terminal("classes", model, *at).code == 0
    assert terminal("keys", "show", *at, "--json").json["current"] == before


def test_a_backup_is_a_listed_copy_and_brings_back_what_was_destroyed_after_it(
    model: Path, ring: Path, terminal: Terminal, tmp_path: Path
) -> None:
    at, file, elsewhere = ("--keyring", ring), tmp_path / "keys.backup", tmp_path / "elsewhere"
    assert terminal("seal", model, *at).code == 0
    done = terminal("keys", "backup", file, *at, "--model", model, "--expires", "2999-01-31")
    assert done.code == 0
    assert "whoever can read the backup can use its keys" in done.err
    assert "don't list it" not in done.err
    assert file.stat().st_mode & 0o777 == 0o600
    assert terminal("keys", "backup", file, *at).code == 2
    old = tmp_path / "old"
    shutil.copytree(model, old)
    (copy,) = terminal("forget", model, "dog", "--yes", *at, "--json").json["forgotten"][0]["copies"]
    assert (copy["kind"], copy["status"]) == ("backup", "scheduled")
    assert terminal("keys", "restore", file, *at).code == 2  # keys that are there are never replaced
    done = terminal("keys", "restore", file, "--keyring", elsewhere)
    assert done.code == 0
    assert "keys that were destroyed after" in done.err
    live = terminal("classes", old, "--keyring", elsewhere, "--json").json["classes"]
    assert [entry["label"] for entry in live] == ["cat", "dog", "owl"]  # so the backup must go
    newer = tmp_path / "newer.jsonl"
    assert terminal("ledger", "export", model, "--out", newer, *at).code == 0
    # it believes the rows of the export that it signed
    assert terminal("restore", old, "--replay", newer, "--keyring", elsewhere).code == 0
    live = terminal("classes", old, "--keyring", elsewhere, "--json").json["classes"]
    assert [entry["label"] for entry in live] == ["cat", "owl"]


@pytest.mark.parametrize(("key", "code"), [("\x04", 2), ("\x03", 130)])
def test_no_answer(ring: Path, key: str, code: int) -> None:
    found, seen = at_a_terminal("keys", "make", "--passphrase", "--keyring", ring, answers=[(NEW, key)])
    assert "Traceback" not in seen
    assert found == code
    assert not (ring / "signing").exists()


def test_without_a_terminal_a_passphrase_can_not_be_asked(ring: Path) -> None:
    child = Forked(lambda: main(["keys", "make", "--passphrase", "--keyring", str(ring)]))
    out, err = child.said()
    assert "Traceback" not in err
    assert (child.wait(), out) == (2, "")
    assert err.startswith("preforget: ")
    assert not (ring / "signing").exists()


def test_at_a_terminal_a_plain_keyring_asks_for_nothing_and_stays_plain(ring: Path) -> None:
    for action in ("make", "show", "rotate"):
        code, seen = at_a_terminal("keys", action, "--keyring", ring)
        assert OLD not in seen
        assert code == 0, seen
        assert private_of(ring)


def test_at_a_terminal_the_variable_is_used_and_nothing_asked(ring: Path) -> None:
    code, seen = at_a_terminal("keys", "make", "--keyring", ring, passphrase="correct horse")
    assert (code, OLD in seen) == (0, False)
    assert (ring / "signing" / "current.pem").read_bytes().startswith(LOCKED)
    code, seen = at_a_terminal("keys", "show", "--keyring", ring, passphrase="correct horse")
    assert (code, OLD in seen) == (0, False)


def test_at_a_terminal_an_encrypted_keyring_asks_once(
    ring: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFORGET_PASSPHRASE", "correct horse")
    assert terminal("keys", "make", "--keyring", ring).code == 0
    monkeypatch.delenv("PREFORGET_PASSPHRASE")
    code, seen = at_a_terminal("keys", "show", "--keyring", ring, answers=[(OLD, "correct horse\n")])
    assert code == 0, seen
    assert seen.count(OLD) == 1
    code, seen = at_a_terminal("keys", "show", "--keyring", ring, answers=[(OLD, "wrong horse\n")])
    assert code == 3
    assert "the passphrase is wrong or the file was changed" in seen
