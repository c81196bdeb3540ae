"""A checkpoint that is encrypted with a key of its own in a keyring, so that destroying the key destroys it."""

from __future__ import annotations

import secrets
from pathlib import Path

from preforget.core.errors import IntegrityError, StoreError
from preforget.store.key_service import Keyring, place_of
from preforget.store.sealing import SEALED
from preforget.store.side_key import LEARNING, SideKey, destroy_key
from preforget.training.checkpoint import CheckpointFile


class SealedCheckpoint(CheckpointFile):
    """The file `<id>.sealed`; its key lies in the keyring under the name `learning-<id>`.

    The file is there, empty, before its key is, so that whoever finds what was left knows which key belongs to it.
    """

    def __init__(self, path: Path, keyring: Keyring) -> None:
        super().__init__(path)
        self._keyring = keyring
        self._key: SideKey | None = None

    @classmethod
    def new(cls, folder: Path, keyring: Keyring) -> SealedCheckpoint:
        """Return one with a random id, of which nothing is there yet."""
        return cls(folder / f"{secrets.token_hex(16)}{SEALED}", keyring)

    def begin(self) -> None:
        """Make the key, unless there is one: before hours of learning, since a passphrase may be asked for."""
        self._opened()

    def read(self) -> bytes | None:
        """Return what was written, decrypted; raises `StoreError` if the file isn't what was written."""
        content = super().read()
        if not content:
            return None
        plain = self._opened().unlock(self.path.name, content)
        if plain is None:
            raise StoreError(f"the checkpoint {self.path} is damaged; delete it and learn again")
        return plain

    def write(self, content: bytes) -> None:
        """Encrypt, then replace the file."""
        super().write(self._opened().lock(self.path.name, content))

    def remove(self) -> None:
        """Destroy the key, then delete the file; raises `UsageError` if the keyring can't be opened.

        Raises `IntegrityError`, and destroys nothing, if the key was made for another place.
        """
        destroy_key(self.path, self._keyring)
        self._key = None
        super().remove()

    def _opened(self) -> SideKey:
        """Return the key, made if nothing is encrypted with it yet."""
        if self._key is None:
            if not self.path.exists():
                super().write(b"")
            record = self.path.name.removesuffix(SEALED)
            keys = self._keyring.model(f"{LEARNING}-{record}")
            try:
                key = keys.get([record])[record]
            except IntegrityError:
                if self.path.stat().st_size:
                    raise StoreError(
                        f"the checkpoint {self.path} is sealed, and its key isn't in the keyring {keys.place}; "
                        "give the right one with --keyring, or discard the checkpoint and learn anew"
                    ) from None
                key = keys.create([record], place_of(self.path))[record]
            if keys.made_for() != place_of(
                self.path
            ):  # else it couldn't be destroyed when learning has ended
                raise StoreError(
                    f"the checkpoint {self.path} was made in another place; move it back there and go on, or delete "
                    "the file and learn anew"
                )
            self._key = SideKey(f"{LEARNING}-{record}", key)
        return self._key
