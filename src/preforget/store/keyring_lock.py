"""One passphrase for a whole keyring: it encrypts a random key in one small file, and that key encrypts all others.

So a passphrase is changed by replacing one file, which happens whole or not at all. Files of older versions, each of
them encrypted under the passphrase itself, are opened, and take this form at their next change.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from preforget.core.errors import IntegrityError, UsageError
from preforget.core.files import write_atomic
from preforget.store.passphrase import (
    LOCKED,
    Passphrase,
    PassphraseSeal,
    decrypted,
    encrypted,
    passphrase_bytes,
    read_encrypted,
)
from preforget.store.private_file import changing, read_private
from preforget.store.sealing import KEY_BYTES, new_key

LOCK = "passphrase.json"
"""The file in the keyring that holds its key, encrypted under the passphrase."""

_KEYRING = "keyring key"  # no model's id has a blank


class KeyringLock:
    """Encrypts and decrypts the files of a keyring; `passphrase` is asked for once, when it is first needed.

    `accept`: called with a passphrase that is to encrypt a keyring from now on; raises `UsageError` for one that isn't
    taken.
    """

    def __init__(
        self, folder: Path, passphrase: Passphrase, accept: Callable[[str], None] | None = None
    ) -> None:
        self.path = folder / LOCK
        self._folder = folder
        self._passphrase = functools.cache(passphrase)
        self._accept = accept
        self._seal = PassphraseSeal(self._passphrase)
        self._seen: tuple[bytes, bytes] | None = None

    def ready(self) -> None:
        """Ask for the passphrase and make the keyring's key, if there is none: before anything is encrypted."""
        passphrase_bytes(self._passphrase)
        if self._key() is None:
            if self._accept is not None:
                self._accept(self._passphrase())
            with changing(self._folder):
                if self._key() is None:  # another process may have been faster
                    self._write(new_key(), self._seal)

    def lock(self, content: bytes, what: str) -> bytes:
        """Encrypt a file; `what` it is, which another file can't stand for. `ready` comes before."""
        key = self._key()
        if key is None:
            raise self._missing()
        return encrypted(content, key, {"format": 2}, what)

    def unlock(self, content: bytes, what: str, path: Path) -> bytes:
        """Decrypt a file that `lock` encrypted, or an older version; raises `IntegrityError`, which names `path`."""
        outer = read_encrypted(content, path)
        if outer.get("format") != 2 or set(outer) != {"format", "nonce", "ciphertext"}:
            return self._seal.unlock(content, model=what, path=path)
        key = self._key()
        if key is None:
            raise self._missing()
        plain = decrypted(outer, key, what)
        if plain is None:
            raise IntegrityError(
                f"{path} can't be opened: it was changed, or belongs to another keyring; restore it from a copy"
            )
        return plain

    def change(self, passphrase: Passphrase) -> None:
        """Let another passphrase open the keyring, and the one so far no longer: one file is replaced."""
        passphrase_bytes(passphrase)
        with changing(self._folder):
            key = self._key()
            if key is None:
                raise self._missing()
            self._write(key, PassphraseSeal(passphrase))

    def old_bytes(self) -> bytes:
        """Return the passphrase as the encrypted PEM files of older versions take it."""
        return passphrase_bytes(self._passphrase)

    def _key(self) -> bytes | None:
        content = read_private(self.path)
        if content is None:
            return None
        if self._seen is None or self._seen[0] != content:
            key = self._seal.unlock(content, model=_KEYRING, path=self.path)
            if len(key) != KEY_BYTES:
                raise IntegrityError(f"{self.path} holds no key of a keyring; restore it from a copy")
            self._seen = content, key
        return self._seen[1]

    def _write(self, key: bytes, seal: PassphraseSeal) -> None:
        content = seal.lock(key, model=_KEYRING)
        write_atomic(self.path, content)
        self._seen = content, key

    def _missing(self) -> IntegrityError:
        return IntegrityError(
            f"{self.path} is missing, without which nothing that is encrypted in the keyring can be opened; "
            "restore it from a copy"
        )


def as_lock(folder: Path, given: KeyringLock | Passphrase | None) -> KeyringLock | None:
    """Return the lock of a keyring, made from its passphrase where that is given."""
    return given if given is None or isinstance(given, KeyringLock) else KeyringLock(folder, given)


def is_locked(content: bytes | None) -> bool:
    """Tell whether a file's content is encrypted, in this form or in one of older versions."""
    return (content or b"").startswith((LOCKED, b"-----BEGIN ENCRYPTED"))


def no_passphrase(path: Path) -> UsageError:
    """Return the error for a file that is encrypted where nobody has given or can be asked for the passphrase."""
    return UsageError(
        f"{path} is encrypted; set PREFORGET_PASSPHRASE, or answer the question for the passphrase"
    )
