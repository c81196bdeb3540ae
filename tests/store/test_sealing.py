"""Sealed bytes: published vectors, an independent AES-GCM and HKDF, and every single-bit change."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from preforget.core.canonical import canonical_json
from preforget.core.errors import IntegrityError, UsageError
from preforget.store.sealing import (
    HEADER,
    keyed_digest,
    name_key,
    new_key,
    seal,
    unseal,
)

MODEL, RECORD = "a" * 32, "0123456789abcdef" * 2
KEY = bytes(range(32))

# McGrew and Viega, The Galois/Counter Mode of Operation, test case 16
GCM_KEY = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
GCM_NONCE = bytes.fromhex("cafebabefacedbaddecaf888")
GCM_PLAIN = bytes.fromhex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
)
GCM_BOUND = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
GCM_SEALED = bytes.fromhex(
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
    "76fc6ece0f4e1768cddf8853bb2d551b"
)


def times(x: int, y: int) -> int:
    """Multiply in the field of GHASH (NIST SP 800-38D, algorithm 1)."""
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = (y >> 1) ^ (0xE1 << 120 if y & 1 else 0)
    return product


def gcm(key: bytes, nonce: bytes, plain: bytes, bound: bytes) -> bytes:
    """AES-GCM from single AES blocks, slow and plain (NIST SP 800-38D)."""

    def block(content: bytes) -> bytes:
        return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(content)

    def padded(content: bytes) -> bytes:
        return content + bytes(-len(content) % 16)

    cipher = b""
    for number in range(0, len(plain), 16):
        stream = block(nonce + (2 + number // 16).to_bytes(4, "big"))
        cipher += bytes(a ^ b for a, b in zip(plain[number : number + 16], stream, strict=False))
    lengths = (8 * len(bound)).to_bytes(8, "big") + (8 * len(cipher)).to_bytes(8, "big")
    hashed, h = 0, int.from_bytes(block(bytes(16)), "big")
    content = padded(bound) + padded(cipher) + lengths
    for number in range(0, len(content), 16):
        hashed = times(hashed ^ int.from_bytes(content[number : number + 16], "big"), h)
    mask = block(nonce + (1).to_bytes(4, "big"))
    return cipher + bytes(a ^ b for a, b in zip(hashed.to_bytes(16, "big"), mask, strict=True))


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869, sections 2.2 and 2.3."""
    extracted = hmac.new(salt or bytes(32), secret, hashlib.sha256).digest()
    out = last = b""
    for number in range(1, -(-length // 32) + 1):
        last = hmac.new(extracted, last + info + bytes([number]), hashlib.sha256).digest()
        out += last
    return out[:length]


def test_the_library_and_the_slow_cipher_give_the_published_bytes() -> None:
    assert AESGCM(GCM_KEY).encrypt(GCM_NONCE, GCM_PLAIN, GCM_BOUND) == GCM_SEALED
    assert gcm(GCM_KEY, GCM_NONCE, GCM_PLAIN, GCM_BOUND) == GCM_SEALED


def test_a_sealed_record_is_what_the_slow_cipher_says() -> None:
    sealed = seal(b"the record of one class", KEY, model=MODEL, record=RECORD)
    bound = b'{"format":1,"model":"%s","record":"%s"}' % (MODEL.encode(), RECORD.encode())
    nonce = sealed[len(HEADER) : len(HEADER) + 12]
    bound += b"preforget-sealed-1\n"
    assert sealed == b"preforget-sealed-1\n" + nonce + gcm(KEY, nonce, b"the record of one class", bound)


def test_the_name_key_is_what_rfc_5869_says() -> None:
    expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    found = hkdf(b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)), 42)  # its test case 1
    assert found.hex() == expected
    assert name_key(KEY) == hkdf(KEY, b"", b"preforget record name", 32)
    assert name_key(KEY) != KEY


@given(st.dictionaries(st.text(), st.integers(-(2**53) + 1, 2**53 - 1)), st.binary(min_size=32, max_size=32))
def test_a_keyed_digest_is_the_hmac_of_canonical_json(value: dict[str, int], key: bytes) -> None:
    expected = hmac.digest(key, canonical_json(value), "sha256").hex()
    assert keyed_digest(key, value) == f"hmac-sha256:{expected}"


@given(st.binary(max_size=300), st.binary(min_size=32, max_size=32))
def test_what_is_sealed_is_unsealed(content: bytes, key: bytes) -> None:
    sealed = seal(content, key, model=MODEL, record=RECORD)
    assert unseal(sealed, key, model=MODEL, record=RECORD) == content
    assert seal(content, key, model=MODEL, record=RECORD) != sealed  # another nonce


def test_every_single_bit_is_guarded() -> None:
    sealed = seal(b"mnist 7", KEY, model=MODEL, record=RECORD)
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(IntegrityError, match=RECORD):
            unseal(bytes(changed), KEY, model=MODEL, record=RECORD)


def test_every_shorter_or_longer_file_is_refused() -> None:
    sealed = seal(b"mnist 7", KEY, model=MODEL, record=RECORD)
    for content in [*(sealed[:n] for n in range(len(sealed))), sealed + b"\0"]:
        with pytest.raises(IntegrityError, match=RECORD):
            unseal(content, KEY, model=MODEL, record=RECORD)


def test_another_key_record_or_model_is_refused() -> None:
    sealed = seal(b"mnist 7", KEY, model=MODEL, record=RECORD)
    for key, model, record in [
        (bytes(32), MODEL, RECORD),
        (KEY, "b" * 32, RECORD),
        (KEY, MODEL, RECORD[::-1]),
        (KEY, RECORD, MODEL),
    ]:
        with pytest.raises(IntegrityError, match=f"^record {record} ") as caught:
            unseal(sealed, key, model=model, record=record)
        assert "mnist" not in str(caught.value)
        assert key.hex() not in str(caught.value)


def test_keys_have_32_bytes_and_no_two_are_the_same() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert {len(key) for key in keys} == {32}


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33])
def test_keys_of_another_length_are_refused(size: int) -> None:
    with pytest.raises(UsageError, match="32 bytes"):
        seal(b"", bytes(size), model=MODEL, record=RECORD)
    with pytest.raises(UsageError, match="32 bytes"):
        name_key(bytes(size))
    if size < 32:
        with pytest.raises(UsageError, match="32 bytes"):
            keyed_digest(bytes(size), "cat")
