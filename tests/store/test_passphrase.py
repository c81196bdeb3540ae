"""What a passphrase encrypts: derived as published, guarded bit by bit, at no hostile cost."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given, settings
from hypothesis import strategies as st

from preforget.core.canonical import canonical_json
from preforget.core.errors import IntegrityError, UsageError
from preforget.store import passphrase as module
from preforget.store.passphrase import (
    ARGON2ID,
    SCRYPT,
    PassphraseSeal,
    chosen_kdf,
    is_short,
    passphrase_bytes,
    refuse_short,
)

MODEL = "a" * 32


def opened(locked: bytes, key: bytes) -> bytes:
    """Decrypt by hand what a lock wrote."""
    outer = json.loads(locked)
    ciphertext = base64.b64decode(outer.pop("ciphertext"))
    nonce = base64.b64decode(outer["nonce"])
    return AESGCM(key).decrypt(nonce, ciphertext, canonical_json({**outer, "model": MODEL}))


def test_argon2id_is_that_of_the_rfc() -> None:
    key = Argon2id(  # RFC 9106, section 5.3
        salt=b"\x02" * 16,
        length=32,
        iterations=3,
        lanes=4,
        memory_cost=32,
        ad=b"\x04" * 12,
        secret=b"\x03" * 8,
    ).derive(b"\x01" * 32)
    assert key.hex() == "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"


def test_a_lock_is_what_argon2id_at_owasps_lowest_cost_says() -> None:
    locked = PassphraseSeal(lambda: "open").lock(b"keys", model=MODEL)
    assert canonical_json(json.loads(locked)) == locked
    kdf = json.loads(locked)["kdf"]
    salt = base64.b64decode(kdf.pop("salt"))
    assert kdf == ARGON2ID == {"name": "argon2id", "memory": 19 * 1024, "passes": 2, "lanes": 1}
    key = Argon2id(salt=salt, length=32, iterations=2, lanes=1, memory_cost=19456).derive(b"open")
    assert opened(locked, key) == b"keys"


def test_without_argon2id_it_is_scrypt_at_owasps_lowest_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "chosen_kdf", lambda: SCRYPT)
    locked = PassphraseSeal(lambda: "open").lock(b"keys", model=MODEL)
    kdf = json.loads(locked)["kdf"]
    assert {name: kdf[name] for name in SCRYPT} == {"name": "scrypt", "n": 2**17, "r": 8, "p": 1}
    salt = base64.b64decode(kdf["salt"])
    key = hashlib.scrypt(b"open", salt=salt, n=2**17, r=8, p=1, dklen=32, maxmem=2**28)
    assert opened(locked, key) == b"keys"


def test_an_installation_without_argon2id_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    locked = PassphraseSeal(lambda: "open").lock(b"keys", model=MODEL)
    monkeypatch.setitem(__import__("sys").modules, "cryptography.hazmat.primitives.kdf.argon2", None)
    with pytest.raises(UsageError, match="pip install 'cryptography>=44'"):
        PassphraseSeal(lambda: "open").unlock(locked, model=MODEL, path="F")
    chosen_kdf.cache_clear()
    try:
        assert chosen_kdf() == SCRYPT
    finally:
        chosen_kdf.cache_clear()


def test_a_short_passphrase_is_refused_by_its_characters() -> None:
    assert is_short("x" * 11)
    assert not is_short("x" * 12)
    assert is_short("e\u0301" * 11)  # 11 characters, however they are encoded
    with pytest.raises(UsageError, match="fewer than 12 characters"):
        refuse_short("x" * 11)
    refuse_short("x" * 12)


def cheap_lock(content: bytes, passphrase: bytes, n: int = 2, r: int = 1, **other: object) -> bytes:
    """Write the locked form by hand, with a scrypt that takes no time."""
    kdf = {"name": "scrypt", "n": n, "r": r, "p": 1, "salt": base64.b64encode(bytes(16)).decode(), **other}
    outer = {"format": 1, "kdf": kdf, "nonce": base64.b64encode(bytes(12)).decode()}
    key = hashlib.scrypt(passphrase, salt=bytes(16), n=n, r=r, p=1, dklen=32) if n < 2**10 else bytes(32)
    sealed = AESGCM(key).encrypt(bytes(12), content, canonical_json({**outer, "model": MODEL}))
    return canonical_json({**outer, "ciphertext": base64.b64encode(sealed).decode()})


def test_every_single_bit_of_a_lock_is_guarded() -> None:
    locked = cheap_lock(b"keys", b"open")
    assert PassphraseSeal(lambda: "open").unlock(locked, model=MODEL, path="F") == b"keys"
    for bit in range(8 * len(locked)):
        changed = bytearray(locked)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(IntegrityError, match="F"):
            PassphraseSeal(lambda: "open").unlock(bytes(changed), model=MODEL, path="F")


@settings(deadline=None, max_examples=20)
@given(st.text(min_size=1, max_size=50), st.binary(max_size=200))
def test_what_is_locked_is_unlocked(passphrase: str, content: bytes) -> None:
    if passphrase.encode(errors="replace").decode() != passphrase:
        return
    locked = cheap_lock(content, passphrase_bytes(lambda: passphrase))
    box = PassphraseSeal(lambda: passphrase)
    assert box.unlock(locked, model=MODEL, path="F") == content
    again = box.lock(content, model=MODEL)  # with the same derived key, so at no cost
    assert again != locked
    assert box.unlock(again, model=MODEL, path="F") == content


def test_a_wrong_passphrase_or_model_is_refused_and_a_right_one_is_asked_for_once() -> None:
    asked = []
    box = PassphraseSeal(lambda: asked.append(1) or "open")
    locked = box.lock(b"keys", model=MODEL)
    for _ in range(3):
        assert box.unlock(locked, model=MODEL, path="F") == b"keys"
    assert len(asked) == 1
    with pytest.raises(
        IntegrityError, match="F can't be opened: the passphrase is wrong or the file was changed"
    ):
        PassphraseSeal(lambda: "Open").unlock(locked, model=MODEL, path="F")
    with pytest.raises(IntegrityError, match="F can't be opened"):
        box.unlock(locked, model="b" * 32, path="F")


@pytest.mark.parametrize(
    "other",
    [
        {"n": 2**21},
        {"n": 2**20, "r": 9},
        {"n": 2**62},
        {"n": 3},
        {"n": 1},
        {"n": 0},
        {"n": -2},
        {"n": True},
        {"n": "2"},
        {"n": 2.5},
        {"r": 2**30},
        {"p": 2**30},
        {"r": 0},
        {"name": "none"},
        {"salt": "AAAA"},
        {"salt": None},
        {"salt": base64.b64encode(bytes(65)).decode()},
        {"more": 1},
        {"name": ["scrypt"]},
        {**ARGON2ID, "memory": 2**21},
        {**ARGON2ID, "passes": 2**20},
        {**ARGON2ID, "lanes": 17},
        {**ARGON2ID, "memory": 7},
        {**ARGON2ID, "passes": 0},
        {**ARGON2ID, "passes": True},
    ],
)
def test_a_hostile_derivation_is_refused_before_it_runs(other: dict[str, object]) -> None:
    locked = json.loads(cheap_lock(b"keys", b"open"))
    kdf: dict[str, Any] = {"salt": locked["kdf"]["salt"]} if "memory" in other else locked["kdf"]
    try:
        content = canonical_json({**locked, "kdf": {**kdf, **other}})
    except ValueError:  # a number that canonical JSON can't hold
        content = json.dumps({**locked, "kdf": {**kdf, **other}}).encode()
    with pytest.raises(IntegrityError, match="F is damaged"):
        PassphraseSeal(lambda: pytest.fail("asked")).unlock(content, model=MODEL, path="F")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"1", b"[" * 100_000, b'{"ciphertext":1}', b"\xff", b"null"]
)
def test_what_is_no_lock_is_refused(content: bytes) -> None:
    with pytest.raises(IntegrityError, match="F is damaged"):
        PassphraseSeal(lambda: "open").unlock(content, model=MODEL, path="F")


def test_passphrases_are_normal_text_that_is_not_empty() -> None:
    assert passphrase_bytes(lambda: "cafe\u0301") == passphrase_bytes(lambda: "caf\u00e9") == b"caf\xc3\xa9"
    for text in ("", "x" * 1001, "\udcff"):
        with pytest.raises(UsageError, match="passphrase"):
            passphrase_bytes(lambda text=text: text)
