"""The files of a model folder as long as no other process has changed it, and a lock that keeps others out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from torch import Tensor

from preforget.core.errors import ChangedError, StoreError
from preforget.core.files import exclusive
from preforget.records import ClassRecord
from preforget.store.confirmation import check_still_followed
from preforget.store.manifest import NAME, Manifest
from preforget.store.record_files import KeyringPlace, RecordFiles


class CurrentFiles(RecordFiles):
    """A model folder that one process at a time reads or changes, and that knows what its manifest was when read."""

    def __init__(self, path: Path, manifest: Manifest, keyring: KeyringPlace = None) -> None:
        super().__init__(path, manifest, keyring)
        self._content = b""
        self._held = 0
        self._opening = False  # it is checked and mended meanwhile

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Keep other processes out, and turn errors of the system into one that names the folder."""
        if self._held:
            yield
            return
        try:
            with exclusive(self.path):
                self._held += 1
                try:
                    yield
                finally:
                    self._held -= 1
        except StoreError:
            raise
        except OSError as error:
            if not self.path.is_dir():
                raise _gone(self.path) from None
            raise cannot_write(self.path, error) from error

    def check_unchanged(self) -> None:
        """Raise `StoreError` if the folder was moved or deleted, `ChangedError` if another process has changed it.

        Raises `IntegrityError` if it is not to be followed, see `check_still_followed`.
        """
        try:
            content = (self.path / NAME).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise _gone(self.path) from None
        if content != self._content:
            raise ChangedError("another process has changed it; load the model again")
        if not self._opening:
            check_still_followed(self)

    @contextlib.contextmanager
    def being_opened(self) -> Iterator[None]:
        """Let a folder be read and changed that is behind its ledger or its keyring: it is just checked and mended."""
        self._opening = True
        try:
            yield
        finally:
            self._opening = False

    @contextlib.contextmanager
    def as_read(self) -> Iterator[None]:
        """Keep other processes out, after making sure that none has changed the folder since it was read.

        Raises `ChangedError`, and other errors as `check_unchanged`.
        """
        with self.changing():
            self.check_unchanged()
            if not self._opening:
                self._check_not_ahead()
            yield

    def records(self, record_ids: Iterable[str] | None = None) -> list[ClassRecord]:
        """Read live records, all by default, while no other process changes the folder.

        Raises `ChangedError` if one has, and `IntegrityError` for a missing, changed or damaged file.
        """
        with self.as_read():
            return super().records(record_ids)

    def shared(self) -> dict[str, Tensor]:
        """Read what no class owns, while no other process changes the folder; raises as `records` does."""
        with self.as_read():
            return super().shared()

    def _check_not_ahead(self) -> None:
        """Raise `ChangedError` if the ledger of an unsealed model has gone on without its manifest."""
        if not self.manifest.sealed and self.ledger.head().seq > int(self.manifest.ledger["seq"]):
            raise ChangedError("another process has changed it; load the model again")


def _gone(path: Path) -> StoreError:
    return StoreError(
        f"the model folder {path} is no longer there: it was moved or deleted, and what was forgotten in it since "
        "can't be known here; load the model from where it lies now"
    )


def cannot_write(path: Path, error: OSError) -> StoreError:
    """Return the error of a model folder that the system refuses to write."""
    return StoreError(f"the model folder {path} can't be written: {error.strerror or error}")
