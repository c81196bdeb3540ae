"""Encryption with AES-256-GCM: a record under its data key."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from preforget.core.canonical import canonical_json
from preforget.core.errors import IntegrityError, UsageError

SEALED = ".sealed"
"""The ending of the name of a sealed record's file."""

HEADER = b"preforget-sealed-1\n"
KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
SEALED_BYTES = len(HEADER) + NONCE_BYTES + TAG_BYTES
"""By how much a sealed file is longer than the plain one."""


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


def _check_key(key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise UsageError(f"a data key has {KEY_BYTES} bytes, not {len(key)}; make it by new_key")


def _cipher(key: bytes) -> AESGCM:
    _check_key(key)  # AESGCM would take a shorter one, for a weaker cipher
    return AESGCM(key)


def _bound(model: str, record: str) -> bytes:
    if (
        model.isalnum() and record.isalnum() and model.isascii() and record.isascii()
    ):  # as canonical JSON, faster
        return b'{"format":1,"model":"%s","record":"%s"}' % (model.encode(), record.encode()) + HEADER
    return canonical_json({"format": 1, "model": model, "record": record}) + HEADER
