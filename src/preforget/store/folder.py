"""A model folder: create it whole or not at all, read it strictly, change it one atomic step at a time."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from preforget.core.errors import StoreError
from preforget.core.files import exclusive, sync_folder, write_atomic
from preforget.records import ClassRecord
from preforget.records.bank import unknown_label
from preforget.store.manifest import NAME, Manifest
from preforget.store.tensors import record_from_bytes, record_to_bytes, tensors_from_bytes, tensors_to_bytes

RECORDS = "records"
SHARED = "shared.safetensors"


class ModelFolder:
    """One model on disk: `preforget.json`, one file per record, and what no class owns.

    Opening it ends an erasure that was interrupted. Changes are written through at once.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path.absolute()  # still the same folder when the process walks elsewhere
        self.manifest = manifest

    @classmethod
    def create(
        cls, path: Path, manifest: Manifest, records: Sequence[ClassRecord], shared: Mapping[str, Tensor]
    ) -> ModelFolder:
        """Write a new folder beside its place and rename it into it; raises `StoreError` if `path` is taken."""
        check_free(path)
        unfinished = path.parent / f".{path.name}.unfinished"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(unfinished, ignore_errors=True)  # a killed process may have left records in it
            unfinished.mkdir()
            (unfinished / RECORDS).mkdir()
            digests = {}
            for record in records:
                digests[record.id] = _write(record_path(unfinished, record.id), record_to_bytes(record))
            digest = _write(unfinished / SHARED, tensors_to_bytes(shared)) if shared else None
            manifest = replace(manifest, records=digests, shared=digest)
            manifest.write(unfinished)
            if path.is_dir():
                path.rmdir()  # empty, see check_free
            unfinished.rename(path)
            sync_folder(path.parent)
        except BaseException as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            if isinstance(error, OSError):
                raise _cannot_write(path, error) from error
            raise
        return cls(path, manifest)

    @classmethod
    def open(cls, path: Path) -> ModelFolder:
        """Read the manifest, end erasures that began, and check that no file is missing or extra."""
        Manifest.read(path)  # says what is wrong if there is no folder to lock
        with exclusive(path):
            folder = cls(path, Manifest.read(path))
            folder.finish_erasing()
            folder._check_files()
        return folder

    def records(self) -> list[ClassRecord]:
        """Read all live records; raises `StoreError` for a missing, changed or damaged file."""
        found = []
        for record_id, digest in sorted(self.manifest.records.items()):
            content = self._read(record_path(self.path, record_id), digest, f"record {record_id}")
            found.append(record_from_bytes(record_id, content))
        return found

    def find(self, labels: Iterable[str]) -> dict[str, str]:
        """Return the record id of each label; raises `UnknownLabelError` for one that the folder doesn't hold."""
        ids = {record.label: record.id for record in self.records()}
        for label in labels:
            if label not in ids:
                raise unknown_label(label, sorted(ids))
        return {label: ids[label] for label in labels}

    def shared(self) -> dict[str, Tensor]:
        """Read what no class owns; empty for engines that train nothing shared."""
        if self.manifest.shared is None:
            return {}
        return tensors_from_bytes(self._read(self.path / SHARED, self.manifest.shared, SHARED), SHARED)

    def add(self, record: ClassRecord) -> None:
        """Add the file of a new record, then name it in the manifest.

        The manifest first says that the file is to be erased; whoever opens the folder after a crash does so.
        """
        with self._changing():
            begun = [*self.manifest.erasing, record.id]
            try:
                self._update(erasing=begun)
                digest = _write(record_path(self.path, record.id), record_to_bytes(record))
                live = {**self.manifest.records, record.id: digest}
                self._update(records=live, erasing=[i for i in begun if i != record.id])
            except BaseException:
                with contextlib.suppress(StoreError):
                    self.finish_erasing()
                raise

    def erase(self, record_id: str) -> int:
        """Take a record out of the manifest, delete its file, and return how many bytes that was.

        The manifest first says that the erasure has begun; whoever opens the folder after a crash ends it.
        """
        with self._changing():
            live = {i: digest for i, digest in self.manifest.records.items() if i != record_id}
            detached = [i for i in self.manifest.detached if i != record_id]
            size = record_path(self.path, record_id).stat().st_size
            self._update(records=live, detached=detached, erasing=[*self.manifest.erasing, record_id])
            self.finish_erasing()
        return size

    def finish_erasing(self) -> None:
        """Delete the files of records whose erasure has begun, and leftovers of writes that a crash cut off."""
        try:
            for leftover in [*self.path.glob(".writing-*"), *(self.path / RECORDS).glob(".writing-*")]:
                leftover.unlink()
            if not self.manifest.erasing:
                return
            for record_id in self.manifest.erasing:
                record_path(self.path, record_id).unlink(missing_ok=True)
            sync_folder(self.path / RECORDS)
            self._update(erasing=[])
        except OSError as error:
            raise StoreError(
                f"an erasure in {self.path} has begun but can't be ended: {error.strerror or error}; "
                "make the folder writable and open the model again"
            ) from error

    def set_detached(self, record_ids: Sequence[str]) -> None:
        """Write down which records are left out of scoring."""
        with self._changing():
            self._update(detached=sorted(record_ids))

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Keep other processes out, and turn errors of the system into one that names the folder."""
        try:
            with exclusive(self.path):
                yield
        except StoreError:
            raise
        except OSError as error:
            raise _cannot_write(self.path, error) from error

    def _update(self, **changes: object) -> None:
        if Manifest.read(self.path).generation != self.manifest.generation:
            raise StoreError("another process has changed it; load the model again")
        changed = replace(self.manifest, generation=self.manifest.generation + 1, **changes)  # type: ignore[arg-type]
        changed.write(self.path)
        self.manifest = changed

    def _read(self, path: Path, digest: str, what: str) -> bytes:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise StoreError(f"{what} of {self.path} can't be read: {error.strerror or error}") from error
        if _digest(content) != digest:
            raise StoreError(f"{what} of {self.path} is not the file that was written: its digest differs")
        return content

    def _check_files(self) -> None:
        expected = {NAME} | {f"{RECORDS}/{i}.safetensors" for i in self.manifest.records}
        if self.manifest.shared is not None:
            expected.add(SHARED)
        found = {p.relative_to(self.path).as_posix() for p in self.path.rglob("*") if not p.is_dir()}
        missing, extra = sorted(expected - found), sorted(found - expected)
        if missing:
            raise StoreError(
                f"{self.path} is incomplete: {missing[0]} is missing; restore the folder from a copy"
            )
        if extra:
            raise StoreError(f"{self.path} holds a file that is not the model's: {extra[0]}; move it away")


def check_free(path: Path) -> None:
    """Raise `StoreError` unless nothing, or an empty folder, lies at `path`."""
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise StoreError(f"{path} exists and is not a folder; choose another place for the model")
    if path.is_dir() and any(path.iterdir()):
        raise StoreError(
            f"{path} is not empty; choose another place for the model, or delete the folder first"
        )


def record_path(folder: Path, record_id: str) -> Path:
    """Return where the file of a record lies."""
    return folder / RECORDS / f"{record_id}.safetensors"


def _write(path: Path, content: bytes) -> str:
    write_atomic(path, content)
    return _digest(content)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _cannot_write(path: Path, error: OSError) -> StoreError:
    return StoreError(f"the model folder {path} can't be written: {error.strerror or error}")
