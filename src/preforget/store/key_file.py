"""A keyring that is a folder: the keys of models, see `model_keys`, and the keys that sign."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from preforget.core.errors import UsageError
from preforget.store.key_page import KEYS
from preforget.store.key_service import (
    MODEL_ID,
    Keyring,
    ModelKeys,
    check_model_id,
)
from preforget.store.keyring_lock import LOCK, KeyringLock, is_locked, no_passphrase
from preforget.store.model_keys import FileModelKeys
from preforget.store.passphrase import Passphrase
from preforget.store.private_file import cannot_read, read_private

if TYPE_CHECKING:
    from preforget.store.signing import SigningKeys

SIGNING, CURRENT = "signing", "current.pem"


class FileKeyring(Keyring):
    """A folder of mode 0700 with one key file per model and the signing keys; made when something is written.

    With a passphrase all that is written is encrypted. Without one, `question` is asked for what is encrypted already,
    and for a new file among such. `accept`: see `KeyringLock`.
    """

    def __init__(
        self,
        folder: Path,
        passphrase: Passphrase | None = None,
        question: Passphrase | None = None,
        accept: Callable[[str], None] | None = None,
    ) -> None:
        self.folder = folder.absolute()  # still the same folder when the process walks elsewhere
        self.place = str(self.folder)
        self._accept = accept
        self._given = KeyringLock(self.folder, passphrase, self._check) if passphrase else None
        self._asked = KeyringLock(self.folder, question, self._check) if question else None
        self._models: dict[str, FileModelKeys] = {}

    @property
    def encrypted(self) -> bool:
        """Whether a passphrase is needed to read any of the keys that are here."""
        return os.path.lexists(self.folder / LOCK) or any(map(_is_encrypted, self._files()))

    def model(self, model_id: str) -> ModelKeys:
        """Return the keys of one model, none for one that isn't here yet."""
        if model_id not in self._models:
            path = self.folder / f"{check_model_id(model_id)}{KEYS}"
            self._models[model_id] = FileModelKeys(self.folder, model_id, self._lock_for(path))
        return self._models[model_id]

    def models(self) -> list[str]:
        """Return the ids of the models that have a key file, sorted."""
        try:
            names = [path.stem for path in self.folder.iterdir() if path.suffix == KEYS]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise cannot_read(self.folder, error) from error
        return sorted(filter(MODEL_ID.fullmatch, names))

    @functools.cached_property
    def signing(self) -> SigningKeys:
        """The keys that sign receipts."""
        from preforget.store.signing import SigningKeys

        return SigningKeys(self.folder / SIGNING, self._lock_for(self.folder / SIGNING / CURRENT))

    def change_passphrase(self, new: Passphrase) -> None:
        """Let a new passphrase open everything here, and the one so far nothing; encrypt what isn't encrypted yet.

        Killed at any point, the passphrase so far opens everything, or the new one does: of a keyring that had none,
        the new one. The same call ends what was cut off. Raises `IntegrityError` for a wrong passphrase.
        """
        had_one, lock = self.encrypted, self._given or self._asked
        ended = KeyringLock(self.folder, new, self._check)
        # in the second case the same change was cut off before
        if not had_one or (ended.opens() and (lock is None or not lock.opens())):
            lock = ended
        if lock is None:
            raise no_passphrase(self.folder)
        lock.ready()
        if not had_one:
            self._encrypt_all(lock)
        else:
            if self._accept is not None:
                self._accept(new())
            lock.change(new, functools.partial(self._encrypt_all, lock))
        self._given, self._models = KeyringLock(self.folder, new), {}
        vars(self).pop("signing", None)

    def _encrypt_all(self, lock: KeyringLock) -> None:
        """Write every file of keys once more, as a lock encrypts it."""
        from preforget.store.signing import SigningKeys

        for model in self.models():
            FileModelKeys(self.folder, model, lock).encrypt()
        SigningKeys(self.folder / SIGNING, lock).encrypt()

    def _files(self) -> list[Path]:
        files = [self.folder / f"{model}{KEYS}" for model in self.models()]
        return [*files, self.folder / SIGNING / CURRENT]

    def _lock_for(self, path: Path) -> KeyringLock | None:
        """Return what opens and encrypts a file; without a passphrase, a new file among encrypted ones is refused."""
        if self._given is not None:
            return self._given
        is_new = not os.path.lexists(path)
        needed = self.encrypted if is_new else _is_encrypted(path)
        if needed and self._asked is not None:
            return self._asked
        return KeyringLock(self.folder, self._refuse) if needed and is_new else None

    def _refuse(self) -> str:
        raise UsageError(
            f"the keyring {self.place} is encrypted; set PREFORGET_PASSPHRASE, or answer the question at a terminal"
        )

    def _check(self, passphrase: str) -> None:
        """Raise `IntegrityError` unless a passphrase opens what older versions have encrypted; ask `accept` if none."""
        old = next(filter(_is_encrypted, self._files()), None)
        if old is None:
            if self._accept is not None:
                self._accept(passphrase)
        elif old.suffix == KEYS:
            FileModelKeys(self.folder, old.stem, lambda: passphrase).head()
        else:
            from preforget.store.signing import SigningKeys

            SigningKeys(self.folder / SIGNING, lambda: passphrase).current()


def _is_encrypted(path: Path) -> bool:
    return is_locked(read_private(path))
