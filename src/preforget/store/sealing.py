"""Encryption with AES-256-GCM: a record under its data key, a key file under a passphrase."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from preforget.core.canonical import canonical_json, read_canonical
from preforget.core.errors import IntegrityError, UsageError

SEALED = ".sealed"
"""The ending of the name of a sealed record's file."""

HEADER = b"preforget-sealed-1\n"
KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
SEALED_BYTES = len(HEADER) + NONCE_BYTES + TAG_BYTES
"""By how much a sealed file is longer than the plain one."""

SCRYPT = {"n": 2**15, "r": 8, "p": 1}
"""Cost of guessing one passphrase: 32 MiB and about 0.1 s."""

LOCKED = b'{"ciphertext":'
"""The beginning of a file that is encrypted under a passphrase: the first entry of its canonical JSON."""


Passphrase = Callable[[], str]
"""Asks for the passphrase, once, and only when something is to be read or written that needs it."""


def new_key() -> bytes:
    """Return a random data key of 32 bytes."""
    return secrets.token_bytes(KEY_BYTES)


def seal(content: bytes, key: bytes, *, model: str, record: str) -> bytes:
    """Encrypt one record file: header, 12-byte nonce, ciphertext with a 16-byte tag.

    The tag covers the header and the ids, so that a record can't take another one's place or move to another model.
    Raises `UsageError` for a key that is not 32 bytes long.
    """
    nonce = secrets.token_bytes(NONCE_BYTES)
    return HEADER + nonce + _cipher(key).encrypt(nonce, content, _bound(model, record))


def unseal(sealed: bytes, key: bytes, *, model: str, record: str) -> bytes:
    """Decrypt what `seal` returned; raises `IntegrityError`, which names the record's id and nothing of its content."""
    if not sealed.startswith(HEADER):
        raise IntegrityError(
            f"record {record} is not sealed in the form that this version of preforget reads: "
            "its first line differs; restore the file from a copy, or update preforget"
        )
    body = sealed[len(HEADER) :]
    if len(body) < NONCE_BYTES + TAG_BYTES:
        raise IntegrityError(f"record {record} is cut off; restore the file from a copy")
    try:
        return _cipher(key).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], _bound(model, record))
    except InvalidTag:
        raise IntegrityError(
            f"record {record} can't be unsealed: the key is another one, or the file is not what was written "
            "in this place; restore the file from a copy, or give the right keyring with --keyring"
        ) from None


def name_key(key: bytes) -> bytes:
    """Derive the 32-byte key under which a record's name is digested in ledger and receipts (HKDF, RFC 5869).

    When the data key is destroyed, nobody can check a guessed name against the digest any more.
    """
    _check_key(key)
    return HKDF(SHA256(), length=32, salt=None, info=b"preforget record name").derive(key)


def keyed_digest(key: bytes, value: Any) -> str:
    """Return the HMAC-SHA256 of a value's canonical JSON as `hmac-sha256:<hex>`; the key has at least 32 bytes."""
    if len(key) < KEY_BYTES:
        raise UsageError(
            f"a key for digests has at least {KEY_BYTES} bytes, not {len(key)}: make it by name_key"
        )
    return f"hmac-sha256:{hmac.new(key, canonical_json(value), hashlib.sha256).hexdigest()}"


def passphrase_bytes(passphrase: Callable[[], str]) -> bytes:
    """Ask for a passphrase and return it as UTF-8, normalised so that every keyboard gives the same bytes."""
    try:
        content = unicodedata.normalize("NFKC", passphrase()).encode()
    except UnicodeEncodeError:
        raise UsageError("the passphrase is not text; write it in UTF-8") from None
    if not 1 <= len(content) <= 1000:
        raise UsageError(
            f"the passphrase has {len(content)} bytes; it needs 1 to 1000. "
            "To use none, leave PREFORGET_PASSPHRASE unset"
        )
    return content


class PassphraseSeal:
    """Seals one file under a passphrase; keeps the derived key, so that scrypt runs once per process and file."""

    def __init__(self, passphrase: Passphrase) -> None:
        self._passphrase = passphrase
        self._derived: tuple[dict[str, Any], bytes] | None = None

    def lock(self, content: bytes, *, model: str) -> bytes:
        """Encrypt to canonical JSON: format, key derivation, nonce, ciphertext, all bound to the model."""
        if self._derived is None:
            kdf = {"name": "scrypt", **SCRYPT, "salt": base64.b64encode(secrets.token_bytes(16)).decode()}
            self._derived = kdf, self._derive(kdf)
        kdf, key = self._derived
        nonce = secrets.token_bytes(NONCE_BYTES)
        outer = {"format": 1, "kdf": kdf, "nonce": base64.b64encode(nonce).decode()}
        ciphertext = AESGCM(key).encrypt(nonce, content, canonical_json({**outer, "model": model}))
        return canonical_json({**outer, "ciphertext": base64.b64encode(ciphertext).decode()})

    def unlock(self, content: bytes, *, model: str, path: object) -> bytes:
        """Decrypt what `lock` returned; raises `IntegrityError`, which names `path`."""
        try:
            outer = read_canonical(content)
            if set(outer) != {"format", "kdf", "nonce", "ciphertext"} or outer["format"] != 1:
                raise ValueError("its entries are not those of format 1")
            ciphertext = _from_base64(outer.pop("ciphertext"))
            nonce, kdf = _from_base64(outer["nonce"]), outer["kdf"]
            _check_kdf(kdf)
            if len(nonce) != NONCE_BYTES or len(ciphertext) < TAG_BYTES:
                raise ValueError("its nonce or its ciphertext has the wrong length")
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise IntegrityError(f"{path} is damaged: {error}; restore it from a copy") from None
        key = self._derived[1] if self._derived and self._derived[0] == kdf else self._derive(kdf)
        try:
            plain = AESGCM(key).decrypt(nonce, ciphertext, canonical_json({**outer, "model": model}))
        except InvalidTag:
            raise IntegrityError(
                f"{path} can't be opened: the passphrase is wrong or the file was changed"
            ) from None
        self._derived = kdf, key
        return plain

    def _derive(self, kdf: dict[str, Any]) -> bytes:
        salt = base64.b64decode(kdf["salt"])
        return Scrypt(salt=salt, length=KEY_BYTES, n=kdf["n"], r=kdf["r"], p=kdf["p"]).derive(
            passphrase_bytes(self._passphrase)
        )


def _check_kdf(kdf: Any) -> None:
    """Raise `ValueError` for a key derivation that isn't scrypt within 1 GiB of memory and seconds of time."""
    if set(kdf) != {"name", "n", "r", "p", "salt"} or kdf["name"] != "scrypt":
        raise ValueError("its key derivation is not scrypt")
    n, r, p = kdf["n"], kdf["r"], kdf["p"]
    if not all(type(number) is int and number > 0 for number in (n, r, p)):
        raise ValueError("a cost of scrypt is no positive number")
    if n < 2 or n > 2**20 or n & (n - 1) or r * p > 64 or n * r * p > 2**23:
        raise ValueError(f"its costs of scrypt, n={n}, r={r}, p={p}, are none that preforget would choose")
    if not 16 <= len(_from_base64(kdf["salt"])) <= 64:
        raise ValueError("its salt has the wrong length")


def _from_base64(text: Any) -> bytes:
    if not isinstance(text, str):
        raise ValueError("base64 text expected")
    content = base64.b64decode(text, validate=True)
    if base64.b64encode(content).decode() != text:
        raise ValueError("not in canonical form")
    return content


def _check_key(key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise UsageError(f"a data key has {KEY_BYTES} bytes, not {len(key)}; make it by new_key")


def _cipher(key: bytes) -> AESGCM:
    _check_key(key)  # AESGCM would take a shorter one, for a weaker cipher
    return AESGCM(key)


def _bound(model: str, record: str) -> bytes:
    return canonical_json({"format": 1, "model": model, "record": record}) + HEADER
