"""Encrypt a file for whoever has the private key of a keyring, with its public key alone (X25519, HKDF, AES-256-GCM).

The scheme is that of ECIES: a key pair made for one file, whose secret is agreed on with the reader's public key
(RFC 7748, section 6.1) and turned into a data key (RFC 5869) to which both public keys belong.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from preforget.core.errors import IntegrityError, StoreError, UsageError
from preforget.core.files import read_regular
from preforget.store.sealing import seal, unseal

HEADER = b"preforget-for-reader-1\n"
PUBLIC_BYTES = 32
SHOW = "preforget keys show --parts-key FILE"


def public_pem(key: X25519PublicKey) -> bytes:
    """Return a public key as PEM."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def read_public_key(path: Path) -> X25519PublicKey:
    """Return the public key in a PEM file; raises `StoreError` if it can't be read, `UsageError` for another one."""
    try:
        content = read_regular(path, 2**16, follow=True)
    except OSError as error:
        raise StoreError(f"{path} can't be read: {error.strerror or error}") from error
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, X25519PublicKey):
        raise UsageError(
            f"{path} holds no public key that parts can be encrypted for; the joining machine writes it with: {SHOW}"
        )
    return key


def seal_for(content: bytes, reader: X25519PublicKey, *, what: str) -> bytes:
    """Return content that the reader alone can decrypt; `what`: what it is, which is bound to it.

    Raises `UsageError` for a public key that no private key belongs to.
    """
    mine = X25519PrivateKey.generate()
    public = mine.public_key().public_bytes_raw()
    try:
        secret = mine.exchange(reader)
    except ValueError:
        raise UsageError(f"this public key can't be used; make one with: {SHOW}") from None
    return HEADER + public + seal(content, _key(secret, public, reader), model="part", record=what)


def is_for_reader(content: bytes) -> bool:
    """Tell whether bytes look like what `seal_for` returns."""
    return content.startswith(HEADER)


def unseal_for(content: bytes, reader: X25519PrivateKey, *, what: str) -> bytes:
    """Return what was encrypted for the reader; raises `IntegrityError` for a damaged file or another reader's."""
    public, body = content[len(HEADER) :][:PUBLIC_BYTES], content[len(HEADER) + PUBLIC_BYTES :]
    try:
        secret = reader.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise IntegrityError("it is cut off or damaged") from None
    try:
        return unseal(body, _key(secret, public, reader.public_key()), model="part", record=what)
    except IntegrityError:
        raise IntegrityError("it was encrypted for another keyring, or is damaged") from None


def _key(secret: bytes, public: bytes, reader: X25519PublicKey) -> bytes:
    info = b"preforget part" + public + reader.public_bytes_raw()
    return HKDF(SHA256(), length=32, salt=None, info=info).derive(secret)
