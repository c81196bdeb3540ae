"""One passphrase for a keyring: changed whole or not at all, whatever is killed; older files open."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from preforget.core.canonical import canonical_json
from preforget.core.errors import IntegrityError, UsageError
from preforget.store.key_file import FileKeyring
from preforget.store.keyring import open_keyring
from preforget.store.keyring_lock import LOCK, KeyringLock

MODEL, OTHER = "a" * 32, "b" * 32
ONE = "1" * 32
OLD, NEW = "correct horse battery", "staple of a new kind"

Kill = Callable[[Callable[[], object]], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keyring"


def fill(folder: Path, passphrase: str | None) -> dict[str, dict[str, bytes]]:
    ring = FileKeyring(folder, (lambda: passphrase) if passphrase else None)
    ring.signing.make()
    return {model: ring.model(model).create([ONE]) for model in (MODEL, OTHER)}


def contents(folder: Path, passphrase: str) -> dict[str, object]:
    """All that a keyring holds, as somebody reads it who is asked for the passphrase."""
    ring = FileKeyring(folder, question=lambda: passphrase)
    return {
        **{model: ring.model(model).get([ONE]) for model in ring.models()},
        "mac": ring.signing.current().authenticate(b"announced"),
    }


def written_by_an_older_version(folder: Path, passphrase: str) -> None:
    """Encrypt each key file under the passphrase itself, as older versions did, by hand."""
    for path in folder.glob("*.keys"):
        salt, nonce = os.urandom(16), os.urandom(12)
        kdf = {"name": "scrypt", "n": 2**14, "r": 8, "p": 1, "salt": base64.b64encode(salt).decode()}
        outer = {"format": 1, "kdf": kdf, "nonce": base64.b64encode(nonce).decode()}
        key = Scrypt(salt=salt, length=32, n=2**14, r=8, p=1).derive(passphrase.encode())
        bound = canonical_json({**outer, "model": path.stem})
        sealed = AESGCM(key).encrypt(nonce, path.read_bytes(), bound)
        path.write_bytes(canonical_json({**outer, "ciphertext": base64.b64encode(sealed).decode()}))


def opens(folder: Path, passphrase: str) -> bool:
    try:
        contents(folder, passphrase)
    except IntegrityError:
        return False
    return True


def killed_at(number: int, act: Callable[[], object]) -> bool:
    """Run in a fork that dies before its n-th rename or fsync; return whether it came to the end."""
    child = os.fork()
    if child == 0:
        left = [number]

        def counted(real: Callable[..., object]) -> Callable[..., object]:
            def call(*args: object) -> object:
                left[0] -= 1
                if left[0] < 0:
                    os._exit(9)
                return real(*args)

            return call

        os.fsync = counted(os.fsync)  # type: ignore[assignment]
        Path.replace = counted(Path.replace)  # type: ignore[assignment,method-assign]
        try:
            act()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_every_file_is_encrypted_under_the_one_key_of_the_lock(folder: Path) -> None:
    fill(folder, OLD)
    assert set(json.loads((folder / LOCK).read_bytes())) == {"format", "kdf", "nonce", "ciphertext"}
    for path in (folder / f"{MODEL}.keys", folder / f"{OTHER}.keys", folder / "signing" / "current.pem"):
        assert set(json.loads(path.read_bytes())) == {"format", "nonce", "ciphertext"}
    lock = KeyringLock(folder, lambda: OLD)
    content = (folder / f"{MODEL}.keys").read_bytes()
    with pytest.raises(IntegrityError, match="it was changed, or belongs to another keyring"):
        lock.unlock(content, OTHER, folder / f"{OTHER}.keys")
    assert b"PRIVATE KEY" in lock.unlock(
        (folder / "signing" / "current.pem").read_bytes(), "signing key", folder
    )


@pytest.mark.usefixtures("cheap_kdf")
@pytest.mark.parametrize("before", ["encrypted", "older", "plain"])
def test_killed_at_any_point_one_passphrase_opens_everything(folder: Path, before: str) -> None:
    fill(folder, OLD if before == "encrypted" else None)
    if before == "older":
        written_by_an_older_version(folder, OLD)
    whole = contents(folder, OLD)
    first = OLD if before != "plain" else NEW
    for number in range(100):
        ring = FileKeyring(folder, question=lambda: first)
        done = killed_at(number, lambda ring=ring: ring.change_passphrase(lambda: NEW))  # type: ignore[misc]
        if first == NEW or opens(folder, NEW):
            assert contents(folder, NEW) == whole
            if done or first == OLD:
                break
        else:
            assert not done
            assert contents(folder, first) == whole
    assert 3 < number < 99
    assert contents(folder, NEW) == whole
    assert not list(folder.rglob(".writing-*"))
    assert all(p.read_bytes().startswith(b'{"ciphertext":') for p in folder.glob("*.keys"))
    with pytest.raises(IntegrityError, match="the passphrase is wrong"):
        contents(folder, OLD)


@pytest.mark.usefixtures("cheap_kdf")
def test_killed_at_any_point_the_keyring_gets_a_new_random_key(folder: Path, tmp_path: Path) -> None:
    """Whoever kept the former small file and knows the former passphrase opens nothing that is written since."""
    fill(folder, OLD)
    whole, (former,) = contents(folder, OLD), KeyringLock(folder, lambda: OLD)._keys()
    untouched, stolen = shutil.copytree(folder, tmp_path / "untouched"), (folder / LOCK).read_bytes()
    done, number, halves = False, 0, 0
    while not done:
        shutil.rmtree(folder)
        shutil.copytree(untouched, folder)
        ring = FileKeyring(folder, question=lambda: OLD)
        done = killed_at(number, lambda ring=ring: ring.change_passphrase(lambda: NEW))  # type: ignore[misc]
        changed = opens(folder, NEW)
        assert contents(folder, NEW if changed else OLD) == whole
        halves += changed and len(KeyringLock(folder, lambda: NEW)._keys()) == 2
        if not done:
            FileKeyring(folder, lambda so_far=(OLD, NEW)[changed]: so_far).change_passphrase(lambda: NEW)
        (key,) = KeyringLock(folder, lambda: NEW)._keys()
        assert key != former
        assert contents(folder, NEW) == whole
        number += 1
    assert halves > 3
    (folder / LOCK).write_bytes(stolen)
    with pytest.raises(IntegrityError, match="it was changed, or belongs to another keyring"):
        contents(folder, OLD)


@pytest.mark.usefixtures("cheap_kdf")
@pytest.mark.parametrize("given", [None, OLD])
def test_a_change_that_was_cut_off_is_repeated_as_it_was(folder: Path, given: str | None) -> None:
    fill(folder, given)
    whole = contents(folder, given or "none is needed")

    def ring() -> FileKeyring:
        return FileKeyring(folder, given and (lambda: given))

    for number in range(0, 100, 5):
        done = killed_at(number, lambda: ring().change_passphrase(lambda: NEW))
        ring().change_passphrase(lambda: NEW)
        assert contents(folder, NEW) == whole
        assert not list(folder.rglob(".writing-*"))
        if done:
            break
        shutil.rmtree(folder)
        fill(folder, given)
        whole = contents(folder, given or "none is needed")
    assert 0 < number < 99
    with pytest.raises(UsageError if given is None else IntegrityError):
        ring().change_passphrase(lambda: "another long one")


def test_the_same_keyring_goes_on_after_a_change(folder: Path) -> None:
    fill(folder, OLD)
    running = FileKeyring(folder, lambda: OLD)
    running.model(MODEL).get([ONE])
    ring = FileKeyring(folder, lambda: OLD)
    ring.change_passphrase(lambda: NEW)
    ring.model(MODEL).create(["2" * 32])
    assert FileKeyring(folder, lambda: NEW).model(MODEL).get(["2" * 32])
    with pytest.raises(IntegrityError, match="the passphrase is wrong"):
        running.model(MODEL).create(["3" * 32])  # nothing is written under the former passphrase
    with pytest.raises(IntegrityError, match="the passphrase is wrong"):
        FileKeyring(folder, lambda: OLD).change_passphrase(lambda: "another long one")


def test_a_short_passphrase_begins_no_keyring_unless_it_is_confirmed(folder: Path) -> None:
    with pytest.raises(UsageError, match="fewer than 12 characters"):
        open_keyring(folder, lambda: "short").model(MODEL).create([ONE])
    assert not (folder / LOCK).exists()
    open_keyring(folder, lambda: "short", short=True).model(MODEL).create([ONE])
    open_keyring(folder, lambda: "short").model(OTHER).create([ONE])  # it is that of the keyring now
    with pytest.raises(UsageError, match="fewer than 12 characters"):
        open_keyring(folder, lambda: "short").change_passphrase(lambda: "shorter")  # type: ignore[attr-defined]
    assert len(open_keyring(folder, lambda: "short").model(OTHER).get([ONE])) == 1


def test_without_the_lock_nothing_opens_and_nothing_is_made_anew(folder: Path) -> None:
    fill(folder, OLD)
    (folder / LOCK).unlink()
    for act in (lambda ring: ring.model(MODEL).get([ONE]), lambda ring: ring.model("c" * 32).create([ONE])):
        with pytest.raises(IntegrityError, match=rf"{LOCK} is missing"):
            act(FileKeyring(folder, lambda: OLD))
    assert not (folder / LOCK).exists()
