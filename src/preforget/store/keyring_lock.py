"""One passphrase for a whole keyring: it encrypts a random key in one small file, and that key encrypts all others.

A new passphrase comes with a new random key, so that a copy of the former small file opens nothing that is written
since. Until all other files are encrypted anew, the small file holds both random keys, so that one passphrase opens
everything at any time. Files of older versions, each of them encrypted under the passphrase itself, are opened, and
take this form at their next change.
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
        self._seen: tuple[bytes, list[bytes]] | None = None

    def ready(self) -> None:
        """Ask for the passphrase and make the keyring's key, if there is none: before anything is encrypted."""
        passphrase_bytes(self._passphrase)
        if not self._keys():
            if self._accept is not None:
                self._accept(self._passphrase())
            with changing(self._folder):
                if not self._keys():  # another process may have been faster
                    self._write([new_key()], self._seal)

    def opens(self) -> bool:
        """Tell whether the keyring has a passphrase, and this is it."""
        try:
            return bool(self._keys())
        except IntegrityError:
            return False

    def lock(self, content: bytes, what: str) -> bytes:
        """Encrypt a file; `what` it is, which another file can't stand for. `ready` comes before."""
        return encrypted(content, self._held()[0], {"format": 2}, what)

    def unlock(self, content: bytes, what: str, path: Path) -> bytes:
        """Decrypt a file that `lock` encrypted, or an older version; raises `IntegrityError`, which names `path`."""
        outer = read_encrypted(content, path)
        if outer.get("format") != 2 or set(outer) != {"format", "nonce", "ciphertext"}:
            return self._seal.unlock(content, model=what, path=path)
        for key in self._held():
            plain = decrypted(outer, key, what)
            if plain is not None:
                return plain
        raise IntegrityError(
            f"{path} can't be opened: it was changed, or belongs to another keyring; restore it from a copy"
        )

    def change(self, passphrase: Passphrase, encrypt_all: Callable[[], None]) -> None:
        """Let another passphrase and another random key open the keyring, and the ones so far no longer.

        `encrypt_all`: encrypts all other files once more with `lock`. Killed at any point, the passphrase so far opens
        all of them, or the new one does; the random key so far is let go of once none needs it.
        """
        passphrase_bytes(passphrase)
        encrypt_all()  # a change that was cut off, or an older version, may have left some that are encrypted otherwise
        seal = PassphraseSeal(passphrase)
        with changing(self._folder):
            self._write([new_key(), self._held()[0]], seal)
        self._seal = seal
        encrypt_all()
        with changing(self._folder):
            self._write(self._held()[:1], seal)

    def old_bytes(self) -> bytes:
        """Return the passphrase as the encrypted PEM files of older versions take it."""
        return passphrase_bytes(self._passphrase)

    def _keys(self) -> list[bytes]:
        """Return the keyring's key, and the former one while it is being changed; none if there is no file."""
        content = read_private(self.path)
        if content is None:
            return []
        if self._seen is None or self._seen[0] != content:
            plain = self._seal.unlock(content, model=_KEYRING, path=self.path)
            if len(plain) not in (KEY_BYTES, 2 * KEY_BYTES):
                raise IntegrityError(f"{self.path} holds no key of a keyring; restore it from a copy")
            self._seen = content, [plain[:KEY_BYTES], plain[KEY_BYTES:]][: len(plain) // KEY_BYTES]
        return self._seen[1]

    def _held(self) -> list[bytes]:
        """Return the keys; raises `IntegrityError` if there is none."""
        keys = self._keys()
        if not keys:
            raise IntegrityError(
                f"{self.path} is missing, without which nothing that is encrypted in the keyring can be opened; "
                "restore it from a copy"
            )
        return keys

    def _write(self, keys: list[bytes], seal: PassphraseSeal) -> None:
        content = seal.lock(b"".join(keys), model=_KEYRING)
        write_atomic(self.path, content)
        self._seen = content, keys


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
