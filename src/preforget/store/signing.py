"""Ed25519 keys that sign receipts: one current private key, and all public keys, each introduced by an older one."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
from pathlib import Path

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
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
from preforget.core.files import read_regular, write_atomic
from preforget.core.hashing import bytes_digest
from preforget.store.keyring_lock import KeyringLock, as_lock, is_locked, no_passphrase
from preforget.store.passphrase import LOCKED, Passphrase
from preforget.store.private_file import changing, read_private

CURRENT = "current.pem"
ROTATIONS = "rotations.json"
PUBLIC = ".pub.pem"

_KEY = "signing key"  # no model's id has a blank


SMALL_ORDER = frozenset(
    map(
        bytes.fromhex,
        (
            "00" * 32,
            "01" + "00" * 31,
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            *(f"{first}{'ff' * 30}7f" for first in ("ec", "ed", "ee")),
        ),
    )
)
"""The y of all points of small order, with the sign bit cleared, two of them not reduced (RFC 8032, section 5.1.7)."""


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

    def parts_key(self) -> X25519PrivateKey:
        """Return the key that decrypts what was encrypted for this keyring; it comes from the private key (HKDF)."""
        raw = self._private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        secret = HKDF(SHA256(), length=32, salt=None, info=b"preforget parts").derive(raw)
        return X25519PrivateKey.from_private_bytes(secret)

    def sign(self, content: bytes) -> bytes:
        """Return the Ed25519 signature (RFC 8032) of 64 bytes."""
        return self._private.sign(content)


class SigningKeys:
    """The folder of signing keys: `current.pem`, `rotations.json` and one `.pub.pem` per key, current and former.

    Whoever can change the whole folder can replace all its keys, so note the first key's id elsewhere. Every method
    raises `StoreError` if a file can't be read or written, `IntegrityError` if one is not what was written.
    """

    def __init__(self, folder: Path, passphrase: KeyringLock | Passphrase | None = None) -> None:
        self.folder = folder.absolute()
        self._lock = as_lock(self.folder.parent, passphrase)
        self._prepare = self._lock.ready if self._lock else None
        self._seen: tuple[bytes, Signer] | None = None

    def current(self) -> Signer:
        """Return the signer with the current key; the first key is made if there is none."""
        signer = self._load()
        if signer is None:
            with changing(self.folder, self._prepare):
                return self._load() or self._make()  # another process may have been faster
        if not self._public_path(
            signer.key_id
        ).exists():  # it was made, or rotated to, by a process that was killed
            with changing(self.folder, self._prepare):
                self._write_public(signer)
        return signer

    def authenticates(self, content: bytes, mac: str) -> bool:
        """Tell whether `mac` is what the current key gives for bytes; without a key, nothing is."""
        signer = self._load()
        return signer is not None and hmac.compare_digest(signer.authenticate(content).encode(), mac.encode())

    def verifies(self, content: bytes, signature: bytes, *, former: bool = False) -> bool:
        """Tell whether the current key has signed bytes; `former`: or one before it. Without a key, nothing is."""
        signer = self._load()
        if signer is None:
            return False
        for public in [signer.public_key, *(self.known().values() if former else ())]:
            with contextlib.suppress(InvalidSignature):
                public.verify(signature, content)
                return True
        return False

    def make(self) -> Signer:
        """Make the first key, or end a making that was cut off; raises `UsageError` if there is a key."""
        with changing(self.folder, self._prepare):
            signer = self._load()
            if signer is not None and not self._public_path(signer.key_id).exists():
                self._write_public(signer)
                return signer
            if signer is not None:
                raise UsageError(
                    f"there is a signing key in {self.folder} already; show it with preforget keys show --public "
                    "FILE, or replace it by rotating the key"
                )
            return self._make()

    def rotate(self) -> Signer:
        """Make a new current key, introduced by a statement that the old one signs, and destroy the old private key.

        The limits of destroying are those of `preforget.store.key_file`. Killed at any point, the old or the new key
        is current; a key that got its statement but was never current signed nothing. Raises `UsageError` if there
        is no key yet.
        """
        with changing(self.folder, self._prepare):
            old = self._load()
            if old is None:
                raise UsageError(f"there is no signing key in {self.folder} yet; the first receipt makes one")
            self._write_public(old)
            private = Ed25519PrivateKey.generate()
            new = Signer(private)
            unsigned = {
                "format": 1,
                "old": old.key_id,
                "new": new.key_id,
                "public_key": new.public_pem.decode(),
                "time": now(),
            }
            signature = base64.b64encode(old.sign(canonical_json(unsigned))).decode()
            statements = [*self._statements(), {**unsigned, "signature": signature}]
            write_atomic(self.folder / ROTATIONS, canonical_json({"format": 1, "rotations": statements}))
            self._write_current(private)
            self._write_public(new)
        return new

    def encrypt(self) -> None:
        """Write the current key again, if there is one, as the keyring's lock encrypts it."""
        content = read_private(self.folder / CURRENT)
        if content is not None:
            with changing(self.folder, self._prepare):
                content = read_private(self.folder / CURRENT) or content
                self._write_current(_read_private_pem(content, self._lock, self.folder / CURRENT))

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
            unsigned = {name: value for name, value in statement.items() if name != "signature"}
            try:
                signature = base64.b64decode(statement["signature"])
                known[statement["old"]].verify(signature, canonical_json(unsigned))
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
            self._seen = content, Signer(_read_private_pem(content, self._lock, path))
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
        content = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        if self._lock is not None:
            content = self._lock.lock(content, _KEY)
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
        content = read_regular(path, 2**16, follow=True)
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
    point = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    if point[:-1] + bytes([point[-1] & 127]) in SMALL_ORDER:
        raise UsageError(
            f"{path} holds a point of small order, under which anybody can sign anything; don't trust who gave it"
        )
    return key_id(public), public


def _public_pem(public: Ed25519PublicKey) -> bytes:
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _read_private_pem(content: bytes, lock: KeyringLock | None, path: Path) -> Ed25519PrivateKey:
    """Read PKCS8 in PEM form: plain, as `KeyringLock` encrypts it, or encrypted by older versions (RFC 8018)."""
    locked = is_locked(content)
    if locked and lock is None:
        raise no_passphrase(path)
    password = None
    if locked and lock is not None:
        if content.startswith(LOCKED):
            content = lock.unlock(content, _KEY, path)
        else:
            password = lock.old_bytes()
    try:
        private = load_pem_private_key(content, password)
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError):
        # InternalError: the key is too short for the kind that it says it is
        why = "the passphrase is wrong or the file was changed" if locked else "it was changed"
        raise IntegrityError(f"{path} can't be opened: {why}; restore it from a copy") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise UsageError(f"{path} holds a key of another kind; put an Ed25519 private key there")
    return private
