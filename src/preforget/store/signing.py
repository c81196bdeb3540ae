"""Ed25519 keys that sign receipts: one current private key, and all public keys, each introduced by an older one."""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac
import secrets
from pathlib import Path

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from preforget.core.canonical import canonical_json, read_canonical
from preforget.core.clock import now
from preforget.core.errors import IntegrityError, StoreError, UsageError
from preforget.core.files import write_atomic
from preforget.core.hashing import bytes_digest
from preforget.store.private_file import changing, read_private
from preforget.store.sealing import Passphrase, passphrase_bytes

CURRENT = "current.pem"
ROTATIONS = "rotations.json"
PUBLIC = ".pub.pem"

SCRYPT = {"n": 2**14, "r": 8, "p": 2}
"""Cost of guessing one passphrase, about 0.1 s; more memory (r n) is more than OpenSSL's command line accepts."""


class Signer:
    """Signs with one private key; `key_id` is the `sha256:<hex>` of the public key, `public_pem` the key itself."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public_key = private.public_key()
        self.key_id = key_id(self.public_key)
        self.public_pem = _public_pem(self.public_key)

    def authenticate(self, content: bytes) -> str:
        """Return the HMAC-SHA256 of bytes, as hex, under a secret that comes from the private key (HKDF, RFC 5869)."""
        raw = self._private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        secret = HKDF(SHA256(), length=32, salt=None, info=b"preforget announcement").derive(raw)
        return hmac.new(secret, content, hashlib.sha256).hexdigest()

    def sign(self, content: bytes) -> bytes:
        """Return the Ed25519 signature (RFC 8032) of 64 bytes."""
        return self._private.sign(content)


class SigningKeys:
    """The folder of signing keys: `current.pem`, `rotations.json` and one `.pub.pem` per key, current and former.

    Whoever can change the whole folder can replace all its keys, so note the first key's id elsewhere. Every method
    raises `StoreError` if a file can't be read or written, `IntegrityError` if one is not what was written.
    """

    def __init__(self, folder: Path, passphrase: Passphrase | None = None) -> None:
        self.folder = folder.absolute()
        self._passphrase = functools.cache(passphrase) if passphrase else None
        self._seen: tuple[bytes, Signer] | None = None

    def current(self) -> Signer:
        """Return the signer with the current key; the first key is made if there is none."""
        signer = self._load()
        if signer is None:
            with changing(self.folder, self._passphrase):
                return self._load() or self._make()  # another process may have been faster
        if not self._public_path(
            signer.key_id
        ).exists():  # it was made, or rotated to, by a process that was killed
            with changing(self.folder, self._passphrase):
                self._write_public(signer)
        return signer

    def authenticates(self, content: bytes, mac: str) -> bool:
        """Tell whether `mac` is what the current key gives for bytes; without a key, nothing is."""
        signer = self._load()
        return signer is not None and hmac.compare_digest(signer.authenticate(content).encode(), mac.encode())

    def make(self) -> Signer:
        """Make the first key; raises `UsageError` if there is one."""
        with changing(self.folder, self._passphrase):
            if self._load() is not None:
                raise UsageError(f"there is a signing key in {self.folder}; replace it by rotating the key")
            return self._make()

    def rotate(self) -> Signer:
        """Make a new current key, introduced by a statement that the old one signs, and destroy the old private key.

        The limits of destroying are those of `preforget.store.key_file`. Killed at any point, the old or the new key
        is current; a key that got its statement but was never current signed nothing. Raises `UsageError` if there
        is no key yet.
        """
        with changing(self.folder, self._passphrase):
            old = self._load()
            if old is None:
                raise UsageError(f"there is no signing key in {self.folder} yet; the first receipt makes one")
            self._write_public(old)
            private = Ed25519PrivateKey.generate()
            new = Signer(private)
            said = {
                "format": 1,
                "old": old.key_id,
                "new": new.key_id,
                "public_key": new.public_pem.decode(),
                "time": now(),
            }
            signature = base64.b64encode(old.sign(canonical_json(said))).decode()
            statements = [*self._statements(), {**said, "signature": signature}]
            write_atomic(self.folder / ROTATIONS, canonical_json({"format": 1, "rotations": statements}))
            self._write_current(private)
            self._write_public(new)
        return new

    def known(self) -> dict[str, Ed25519PublicKey]:
        """Return all public keys by id, oldest first; raises `IntegrityError` for one that no older key introduced."""
        public_keys = {}
        for path in sorted(self.folder.glob(f"*{PUBLIC}")):
            identity, public = read_public_key(path)
            if path != self._public_path(identity):
                raise IntegrityError(
                    f"{path} holds the key {identity}, not that of its name; restore it from a copy"
                )
            public_keys[identity] = public
        statements = self._statements()
        if not statements and len(public_keys) < 2:
            return public_keys
        known = {s["old"]: public_keys[s["old"]] for s in statements[:1] if s["old"] in public_keys}
        for number, statement in enumerate(statements, 1):
            if statement["old"] not in known:
                raise self._broken(f"rotation {number} is signed by {statement['old']}, whose key is missing")
            said = {name: value for name, value in statement.items() if name != "signature"}
            try:
                signature = base64.b64decode(statement["signature"])
                known[statement["old"]].verify(signature, canonical_json(said))
            except (InvalidSignature, binascii.Error):
                raise self._broken(f"the signature of rotation {number} is wrong") from None
            known[statement["new"]] = _read_public_pem(
                statement["public_key"].encode(), self.folder / ROTATIONS
            )[1]
        for identity in public_keys:
            if identity not in known:
                raise self._broken(f"{self._public_path(identity).name} was introduced by no other key")
        return known

    def _make(self) -> Signer:
        if self.known():
            raise IntegrityError(
                f"{self.folder / CURRENT} is missing, though there are public keys; restore it from a copy, "
                f"or move {self.folder} away to begin with a new key"
            )
        private = Ed25519PrivateKey.generate()
        self._write_current(private)
        signer = Signer(private)
        self._write_public(signer)
        return signer

    def _load(self) -> Signer | None:
        """Read the current key and check that the others introduce it."""
        path = self.folder / CURRENT
        content = read_private(path)
        if content is None:
            return None
        if self._seen is None or self._seen[0] != content:
            self._seen = content, Signer(_read_private_pem(content, self._passphrase, path))
        signer = self._seen[1]
        known = self.known()
        if known and signer.key_id not in known:
            raise self._broken(f"{CURRENT} holds {signer.key_id}, which no other key introduced")
        return signer

    def _statements(self) -> list[dict[str, str]]:
        """Read the rotations and check their form, not their signatures."""
        content = read_private(self.folder / ROTATIONS)
        if content is None:
            return []
        names = {"format", "old", "new", "public_key", "time", "signature"}
        try:
            values = read_canonical(content)
            if set(values) != {"format", "rotations"} or values["format"] != 1:
                raise ValueError("its entries are not those of format 1")
            statements: list[dict[str, str]] = values["rotations"]
            for s in statements:
                if set(s) != names or not all(isinstance(s[name], str) for name in names - {"format"}):
                    raise ValueError("an entry is missing, unknown or of the wrong type")
                identity, public = _read_public_pem(s["public_key"].encode(), self.folder / ROTATIONS)
                signature = base64.b64encode(base64.b64decode(s["signature"], validate=True)).decode()
                same = {"new": identity, "public_key": _public_pem(public).decode(), "signature": signature}
                if s | same != s:
                    raise ValueError("a key is not that of its id, or is not in canonical form")
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise self._broken(f"{ROTATIONS} is damaged: {error}") from None
        return statements

    def _write_current(self, private: Ed25519PrivateKey) -> None:
        content = _private_pem(private, self._passphrase)
        write_atomic(self.folder / CURRENT, content)
        self._seen = content, Signer(private)

    def _write_public(self, signer: Signer) -> None:
        path = self._public_path(signer.key_id)
        if not path.exists():
            write_atomic(path, signer.public_pem)

    def _public_path(self, identity: str) -> Path:
        return self.folder / f"{identity.removeprefix('sha256:')[:16]}{PUBLIC}"

    def _broken(self, what: str) -> IntegrityError:
        return IntegrityError(
            f"the signing keys in {self.folder} can't be trusted: {what}; restore the folder from a copy"
        )


def key_id(public: Ed25519PublicKey) -> str:
    """Return the `sha256:<hex>` of a public key's DER SubjectPublicKeyInfo (RFC 8410)."""
    return bytes_digest(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def read_public_key(path: Path) -> tuple[str, Ed25519PublicKey]:
    """Read id and key from a PEM file of any owner, to check receipts without the keyring.

    Raises `UsageError` for a key of another kind, `IntegrityError` for a file that holds no key, `StoreError`.
    """
    try:
        with path.open("rb") as file:
            content = file.read(2**16)
    except OSError as error:
        raise StoreError(
            f"the public key {path} can't be read: {error.strerror or error}; name the right file"
        ) from error
    return _read_public_pem(content, path)


def _read_public_pem(content: bytes, path: Path) -> tuple[str, Ed25519PublicKey]:
    if b"PRIVATE KEY" in content:
        raise UsageError(f"{path} holds a private key; give the public one, a file that ends with {PUBLIC}")
    try:
        public = load_pem_public_key(content)
    except UnsupportedAlgorithm:
        raise UsageError(f"{path} holds a key of an unknown kind; give an Ed25519 public key") from None
    except (ValueError, InternalError):
        raise IntegrityError(f"{path} is no public key in PEM form; get it from its owner again") from None
    if not isinstance(public, Ed25519PublicKey):
        raise UsageError(f"{path} holds a key of another kind; give an Ed25519 public key")
    return key_id(public), public


def _public_pem(public: Ed25519PublicKey) -> bytes:
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _read_private_pem(content: bytes, passphrase: Passphrase | None, path: Path) -> Ed25519PrivateKey:
    encrypted = b"ENCRYPTED" in content
    if encrypted and passphrase is None:
        raise UsageError(
            f"{path} is encrypted; set PREFORGET_PASSPHRASE, or answer the question for the passphrase"
        )
    password = passphrase_bytes(passphrase) if encrypted and passphrase is not None else None
    try:
        private = load_pem_private_key(content, password)
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError):
        # InternalError: the key is too short for the kind that it says it is
        why = "the passphrase is wrong or the file was changed" if encrypted else "it was changed"
        raise IntegrityError(f"{path} can't be opened: {why}; restore it from a copy") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise UsageError(f"{path} holds a key of another kind; put an Ed25519 private key there")
    return private


def _private_pem(private: Ed25519PrivateKey, passphrase: Passphrase | None) -> bytes:
    """Return PKCS8, with a passphrase under scrypt and AES-256-CBC (RFC 8018, RFC 7914), as `openssl pkcs8 -scrypt`.

    The library's own encryption, 2048 rounds of PBKDF2, would make guesses of the passphrase cheap.
    """
    if passphrase is None:
        return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    salt, iv = secrets.token_bytes(16), secrets.token_bytes(16)
    key = Scrypt(salt=salt, length=32, **SCRYPT).derive(passphrase_bytes(passphrase))
    padder, encryptor = PKCS7(128).padder(), Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    plain = padder.update(private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    ciphertext = encryptor.update(plain + padder.finalize()) + encryptor.finalize()
    pbes2, scrypt, aes256_cbc = (
        bytes.fromhex(oid) for oid in ("2a864886f70d01050d", "2b06010401da47040b", "60864801650304012a")
    )
    costs = [_der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big")) for number in SCRYPT.values()]
    derivation = _der(0x30, _der(0x06, scrypt), _der(0x30, _der(0x04, salt), *costs))
    cipher = _der(0x30, _der(0x06, aes256_cbc), _der(0x04, iv))
    algorithm = _der(0x30, _der(0x06, pbes2), _der(0x30, derivation, cipher))
    text = base64.b64encode(_der(0x30, algorithm, _der(0x04, ciphertext))).decode()
    wrapped = "\n".join(text[i : i + 64] for i in range(0, len(text), 64))
    return f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{wrapped}\n-----END ENCRYPTED PRIVATE KEY-----\n".encode()


def _der(tag: int, *parts: bytes) -> bytes:
    """Return one element of DER: SEQUENCE 0x30, OBJECT IDENTIFIER 0x06, OCTET STRING 0x04, INTEGER 0x02."""
    content = b"".join(parts)
    length = bytes([len(content)]) if len(content) < 128 else bytes([0x81, len(content)])
    return bytes([tag]) + length + content
