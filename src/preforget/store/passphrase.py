"""What a passphrase encrypts: a key that is derived from it with Argon2id, and AES-256-GCM.

Costs are the lowest that OWASP's Password Storage Cheat Sheet accepts: Argon2id (RFC 9106) with 19 MiB, 2 passes and 1
lane. Where `cryptography` has no Argon2id (before 44, or on an OpenSSL before 3.2) it is scrypt (RFC 7914) with n=2^17,
r=8, p=1, which takes 128 MiB. Files that were made with less are still opened.
"""

from __future__ import annotations

import base64
import functools
import secrets
import unicodedata
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from preforget.core.canonical import canonical_json, read_canonical
from preforget.core.errors import IntegrityError, UsageError
from preforget.store.sealing import KEY_BYTES, NONCE_BYTES, TAG_BYTES

ARGON2ID = {"name": "argon2id", "memory": 19456, "passes": 2, "lanes": 1}
"""Memory in KiB."""

SCRYPT = {"name": "scrypt", "n": 2**17, "r": 8, "p": 1}

SHORTEST = 12
"""Characters of a passphrase that is taken without being confirmed."""

LOCKED = b'{"ciphertext":'
"""The beginning of a file that is encrypted: the first entry of its canonical JSON."""

Passphrase = Callable[[], str]
"""Asks for the passphrase, once, and only when something is to be read or written that needs it."""


def normal_passphrase(text: str) -> str:
    """Return a passphrase in the form NFKC, so that every keyboard gives the same."""
    return unicodedata.normalize("NFKC", text)


def passphrase_bytes(passphrase: Passphrase) -> bytes:
    """Ask for a passphrase and return it as UTF-8, normalised; raises `UsageError` for none or a very long one."""
    try:
        content = normal_passphrase(passphrase()).encode()
    except UnicodeEncodeError:
        raise UsageError("the passphrase is not text; write it in UTF-8") from None
    if not 1 <= len(content) <= 1000:
        raise UsageError(
            f"the passphrase has {len(content)} bytes; it needs 1 to 1000. "
            "To use none, leave PREFORGET_PASSPHRASE unset"
        )
    return content


def is_short(text: str) -> bool:
    """Tell whether a passphrase has fewer characters than are taken without being confirmed."""
    return len(normal_passphrase(text)) < SHORTEST


def refuse_short(text: str) -> None:
    """Raise `UsageError` for a short passphrase."""
    if is_short(text):
        raise UsageError(
            f"the passphrase has fewer than {SHORTEST} characters, so that it can be guessed by whoever copies the "
            "keyring; take a longer one, such as five words drawn at random, or confirm it with: "
            "preforget keys make --short-passphrase"
        )


@functools.cache
def chosen_kdf() -> dict[str, Any]:
    """Return how keys are derived here: Argon2id, or scrypt where `cryptography` doesn't have it."""
    try:
        _derive(b"passphrase", bytes(16), {**ARGON2ID, "memory": 8, "passes": 1})
    except UsageError:
        return SCRYPT
    return ARGON2ID


class PassphraseSeal:
    """Encrypts files under a passphrase; keeps derived keys, so that each is derived once per process."""

    def __init__(self, passphrase: Passphrase) -> None:
        self._passphrase = passphrase
        self._keys: dict[bytes, bytes] = {}
        self._kdf: dict[str, Any] | None = None

    def lock(self, content: bytes, *, model: str) -> bytes:
        """Encrypt to canonical JSON: format, key derivation, nonce, ciphertext, all bound to `model`."""
        if self._kdf is None:
            self._kdf = {**chosen_kdf(), "salt": base64.b64encode(secrets.token_bytes(16)).decode()}
        return encrypted(content, self._key(self._kdf), {"format": 1, "kdf": self._kdf}, model)

    def unlock(self, content: bytes, *, model: str, path: object) -> bytes:
        """Decrypt what `lock` returned; raises `IntegrityError`, which names `path`."""
        outer = read_encrypted(content, path)
        try:
            if set(outer) != {"format", "kdf", "nonce", "ciphertext"} or outer["format"] != 1:
                raise ValueError("its entries are not those of format 1")
            _check_kdf(outer["kdf"])
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise _damaged(path, error) from None
        plain = decrypted(outer, self._key(outer["kdf"]), model)
        if plain is None:
            raise IntegrityError(f"{path} can't be opened: the passphrase is wrong or the file was changed")
        self._kdf = outer["kdf"] if self._kdf is None and _is_chosen(outer["kdf"]) else self._kdf
        return plain

    def _key(self, kdf: dict[str, Any]) -> bytes:
        name = canonical_json(kdf)
        if name not in self._keys:
            salt = base64.b64decode(kdf["salt"])
            self._keys[name] = _derive(passphrase_bytes(self._passphrase), salt, kdf)
        return self._keys[name]


def encrypted(content: bytes, key: bytes, outer: dict[str, Any], model: str) -> bytes:
    """Encrypt under a key to canonical JSON: the entries of `outer`, a nonce, the ciphertext, bound to `model`."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    outer = {**outer, "nonce": base64.b64encode(nonce).decode()}
    ciphertext = AESGCM(key).encrypt(nonce, content, canonical_json({**outer, "model": model}))
    return canonical_json({**outer, "ciphertext": base64.b64encode(ciphertext).decode()})


def read_encrypted(content: bytes, path: object) -> dict[str, Any]:
    """Return the entries of what `encrypted` returned, nonce and ciphertext well-formed; raises `IntegrityError`."""
    try:
        outer: dict[str, Any] = read_canonical(content)
        nonce, ciphertext = _from_base64(outer["nonce"]), _from_base64(outer["ciphertext"])
        if len(nonce) != NONCE_BYTES or len(ciphertext) < TAG_BYTES:
            raise ValueError("its nonce or its ciphertext has the wrong length")
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise _damaged(path, error) from None
    return outer


def decrypted(outer: dict[str, Any], key: bytes, model: str) -> bytes | None:
    """Return what was encrypted, None if it was under another key, for another model, or was changed."""
    bound = {name: value for name, value in outer.items() if name != "ciphertext"}
    nonce, ciphertext = base64.b64decode(outer["nonce"]), base64.b64decode(outer["ciphertext"])
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, canonical_json({**bound, "model": model}))
    except InvalidTag:
        return None


def _derive(secret: bytes, salt: bytes, kdf: dict[str, Any]) -> bytes:
    if kdf["name"] == "scrypt":
        return Scrypt(salt=salt, length=KEY_BYTES, n=kdf["n"], r=kdf["r"], p=kdf["p"]).derive(secret)
    try:
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

        return Argon2id(
            salt=salt,
            length=KEY_BYTES,
            iterations=kdf["passes"],
            lanes=kdf["lanes"],
            memory_cost=kdf["memory"],
        ).derive(secret)
    except (ImportError, UnsupportedAlgorithm):
        raise UsageError(
            "the keyring is encrypted with Argon2id, which this installation lacks: pip install 'cryptography>=44'"
        ) from None


def _is_chosen(kdf: dict[str, Any]) -> bool:
    return {name: value for name, value in kdf.items() if name != "salt"} == chosen_kdf()


def _check_kdf(kdf: Any) -> None:
    """Raise `ValueError` for a key derivation that would take more than 1 GiB of memory or seconds of time."""
    costs = {"scrypt": {"n", "r", "p"}, "argon2id": {"memory", "passes", "lanes"}}.get(kdf["name"])
    if costs is None or set(kdf) != {"name", "salt", *costs}:
        raise ValueError("its key derivation is neither argon2id nor scrypt")
    if not all(type(kdf[cost]) is int and kdf[cost] > 0 for cost in costs):
        raise ValueError("a cost of its key derivation is no positive number")
    if kdf["name"] == "scrypt":
        n, r, p = kdf["n"], kdf["r"], kdf["p"]
        fine = n >= 2 and n <= 2**20 and not n & (n - 1) and r * p <= 64 and n * r * p <= 2**23
    else:
        memory, passes, lanes = kdf["memory"], kdf["passes"], kdf["lanes"]
        fine = 8 * lanes <= memory <= 2**20 and lanes <= 16 and memory * passes <= 2**22
    if not fine:
        raise ValueError(f"the costs of its {kdf['name']} are none that preforget would choose")
    if not 16 <= len(_from_base64(kdf["salt"])) <= 64:
        raise ValueError("its salt has the wrong length")


def _from_base64(text: Any) -> bytes:
    if not isinstance(text, str):
        raise ValueError("base64 text expected")
    content = base64.b64decode(text, validate=True)
    if base64.b64encode(content).decode() != text:
        raise ValueError("not in canonical form")
    return content


def _damaged(path: object, error: BaseException) -> IntegrityError:
    return IntegrityError(f"{path} is damaged: {error}; restore it from a copy")
