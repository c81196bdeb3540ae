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
from preforget.records import ClassRecord, unknown_label
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

    def find(self, labels: Iterable[str]) -> dict[str, list[ClassRecord]]:
        """Return all records in which each label has a part; raises `UnknownLabelError` for one that isn't there."""
        records = self.records()
        known = {record.label for record in records}
        for label in labels:
            if label not in known:
                raise unknown_label(label, sorted(known))
        return {label: [record for record in records if record.concerns(label)] for label in labels}

    def shared(self) -> dict[str, Tensor]:
        """Read what no class owns; empty for engines that train nothing shared."""
        if self.manifest.shared is None:
            return {}
        return tensors_from_bytes(self._read(self.path / SHARED, self.manifest.shared, SHARED), SHARED)

    def change(self, add: Sequence[ClassRecord] = (), erase: Sequence[str] = ()) -> int:
        """Write new records and take old ones out, as one step; return how many bytes were deleted.

        The manifest first says that the new files are to be erased, then that they live and the old ones are to be
        erased; whoever opens the folder after a crash ends what had begun.
        """
        with self._changing():
            begun = [*self.manifest.erasing, *(record.id for record in add)]
            try:
                sizes = [record_path(self.path, i).stat().st_size for i in erase]
                digests = {}
                if add:
                    self._update(erasing=begun)
                    digests = {r.id: _write(record_path(self.path, r.id), record_to_bytes(r)) for r in add}
                live = {**self.manifest.records, **digests}
                self._update(
                    records={i: digest for i, digest in live.items() if i not in set(erase)},
                    detached=[i for i in self.manifest.detached if i not in set(erase)],
                    erasing=[*(i for i in begun if i not in digests), *erase],
                )
            except BaseException:
                if add:
                    with contextlib.suppress(StoreError):
                        self.finish_erasing()
                raise
            self.finish_erasing()
        return sum(sizes)

    def erase(self, record_ids: Sequence[str]) -> int:
        """Take records out of the manifest, delete their files, and return how many bytes that was.

        The manifest first says that the erasure has begun; whoever opens the folder after a crash ends it.
        """
        return self.change(erase=record_ids)

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
