"""Files for one reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from preforget.core.errors import IntegrityError, StoreError, UsageError
from preforget.store.for_reader import (
    HEADER,
    is_for_reader,
    public_pem,
    read_public_key,
    seal_for,
    unseal_for,
)
from preforget.store.signing import SigningKeys

KEY, OTHER = X25519PrivateKey.generate(), X25519PrivateKey.generate()


def test_the_reader_alone_decrypts() -> None:
    sealed = seal_for(b"the sums", KEY.public_key(), what="part 1 of 2")
    assert is_for_reader(sealed)
    assert b"the sums" not in sealed
    assert seal_for(b"the sums", KEY.public_key(), what="part 1 of 2") != sealed
    assert unseal_for(sealed, KEY, what="part 1 of 2") == b"the sums"
    with pytest.raises(IntegrityError, match="another keyring"):
        unseal_for(sealed, OTHER, what="part 1 of 2")
    with pytest.raises(IntegrityError, match="another keyring"):
        unseal_for(sealed, KEY, what="part 2 of 2")


@pytest.mark.parametrize("at", [len(HEADER), len(HEADER) + 31, len(HEADER) + 60, -1])
def test_each_changed_byte_is_found(at: int) -> None:
    sealed = bytearray(seal_for(b"the sums", KEY.public_key(), what="part"))
    sealed[at] ^= 1
    with pytest.raises(IntegrityError):
        unseal_for(bytes(sealed), KEY, what="part")
    with pytest.raises(IntegrityError, match="cut off"):
        unseal_for(bytes(sealed[: len(HEADER) + 9]), KEY, what="part")


def test_keys_that_can_not_be_used(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    with pytest.raises(StoreError, match="can't be read"):
        read_public_key(path)
    signing = Ed25519PrivateKey.generate().public_key()
    for content in (b"no key", signing.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)):
        path.write_bytes(content)
        with pytest.raises(UsageError, match="keys show --parts-key"):
            read_public_key(path)
    path.write_bytes(public_pem(KEY.public_key()))
    assert read_public_key(path).public_bytes_raw() == KEY.public_key().public_bytes_raw()
    with pytest.raises(UsageError, match="can't be used"):
        seal_for(b"", X25519PublicKey.from_public_bytes(bytes(32)), what="part")


def test_a_keyring_has_one_key_until_it_is_rotated(tmp_path: Path) -> None:
    signing = SigningKeys(tmp_path / "signing")
    first = signing.current().parts_key().private_bytes_raw()
    assert SigningKeys(tmp_path / "signing").current().parts_key().private_bytes_raw() == first
    signing.rotate()
    assert signing.current().parts_key().private_bytes_raw() != first
