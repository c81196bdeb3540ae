"""A model folder: create it whole or not at all, read it strictly, change it one atomic step at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from preforget.core.errors import IntegrityError, StoreError, UsageError
from preforget.core.files import exclusive, sync_folder
from preforget.core.hashing import value_digest
from preforget.records import ClassRecord, unknown_label
from preforget.store.attempt import clear_unfinished, ids_of, undone_seal
from preforget.store.consistency import ORDINARY, check, check_age, is_ahead, recover, undo
from preforget.store.head import Head
from preforget.store.key_service import Keyring, ModelKeys
from preforget.store.keyring import open_keyring
from preforget.store.layout import (
    INTENT,
    LEDGER,
    RECORDS,
    SHARED,
    check_free,
    check_kinds,
    record_name,
    unfinished_name,
)
from preforget.store.ledger import Entry, Ledger
from preforget.store.ledger_sqlite import SqliteLedger
from preforget.store.manifest import NAME, Manifest
from preforget.store.record_file import described, read_checked, write_file
from preforget.store.sealing import seal, unseal
from preforget.store.tensors import record_from_bytes, record_to_bytes, tensors_from_bytes, tensors_to_bytes

KeyringPlace = Keyring | str | Path | None
"""A keyring, where it lies, or None for the default."""


class ModelFolder:
    """One model on disk: `preforget.json`, its ledger, one file per record, and what no class owns.

    Changes are written through at once, each with a row in the ledger. `keyring`: where the keys of a sealed model
    and the keys that sign lie.
    """

    def __init__(self, path: Path, manifest: Manifest, keyring: KeyringPlace = None) -> None:
        self.path = path.absolute()  # still the same folder when the process walks elsewhere
        self.manifest = manifest
        self.ledger = Ledger(SqliteLedger(self.path / LEDGER), manifest.model)
        self._keyring = keyring
        self._content = b""
        self.audits: list[dict[str, Any]] = []
        self._held = 0
        self.refused_intent = False

    @classmethod
    def create(
        cls,
        path: Path,
        manifest: Manifest,
        records: Sequence[ClassRecord],
        shared: Mapping[str, Tensor],
        keyring: KeyringPlace = None,
        origin: Mapping[str, Any] | None = None,
    ) -> ModelFolder:
        """Write a new folder beside its place and rename it into it; raises `StoreError` if `path` is taken.

        `origin`: for the ledger, which model this one is a copy of.
        """
        check_free(path)
        unfinished = path.parent / unfinished_name(path.name)
        folder = cls(unfinished, manifest, keyring)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # a killed process may have left records in it, and their keys
            clear_unfinished(unfinished, lambda model: folder.keyring.model(model))
            (unfinished / RECORDS).mkdir(parents=True)
            # so that whoever finds this unfinished knows which keys it has
            begun = [folder.name_of(record.id) for record in records]
            folder._write(replace(manifest, erasing=begun))
            learned = folder._write_records(records)
            digest = write_file(unfinished / SHARED, tensors_to_bytes(shared)) if shared else None
            SqliteLedger.create(unfinished / LEDGER)
            facts = {"engine": manifest.engine, "guarantee": manifest.guarantee, "version": manifest.version}
            folder.commit(
                "learn",
                {**facts, "records": learned, "origin": None if origin is None else dict(origin)},
                records={entry["id"]: entry["digest"] for entry in learned},
                shared=digest,
                erasing=[],
            )
            if path.is_dir():
                path.rmdir()  # empty, see check_free
            unfinished.rename(path)
            sync_folder(path.parent)
        except BaseException as error:
            head = None
            with contextlib.suppress(StoreError):
                head = folder.ledger.head()
            with contextlib.suppress(OSError):
                clear_unfinished(unfinished, lambda model: folder.keyring.model(model), head)
            if isinstance(error, OSError) and not isinstance(error, StoreError):
                raise _cannot_write(path, error) from error
            raise
        moved = cls(path, folder.manifest, keyring)
        moved._content = folder._content
        return moved

    @classmethod
    def open(cls, path: Path, keyring: KeyringPlace = None) -> ModelFolder:
        """Read the manifest, end changes that were cut off, and check files, ledger and keys.

        Raises `IntegrityError` for anything that is not what was written, and for an erasure that has begun and not
        ended: `preforget.erasure.open_folder` ends it.
        """
        with cls.opening(path, keyring) as folder:
            if folder.has_intent():
                raise IntegrityError(f"an erasure in {path} has begun and not ended; any command ends it")
            folder.check()
        return folder

    @classmethod
    @contextlib.contextmanager
    def opening(cls, path: Path, keyring: KeyringPlace = None, *, old: bool = False) -> Iterator[ModelFolder]:
        """Yield a folder that no other process can change meanwhile, without leftovers, but not checked yet.

        `old`: also one that is older than its keyring knows.
        """
        Manifest.read(path)  # says what is wrong if there is no folder to lock
        folder = cls(path, Manifest.read(path), keyring)
        with folder.changing():
            folder.manifest = Manifest.read(path)
            folder._content = (path / NAME).read_bytes()
            check_kinds(path)
            if not old:
                check_age(folder)
            recover(folder, old=old)
            yield folder

    @property
    def keyring_place(self) -> str | Path | None:
        """Where the keyring lies, without a key; None for the default."""
        return self._keyring.place if isinstance(self._keyring, Keyring) else self._keyring

    @property
    def keyring(self) -> Keyring:
        """The keyring, opened when it is first needed; raises `UsageError`, `StoreError`."""
        if not isinstance(self._keyring, Keyring):
            self._keyring = open_keyring(self._keyring)
        return self._keyring

    @property
    def keys(self) -> ModelKeys | None:
        """The keys of the model's records, None where it isn't sealed."""
        return self.keyring.model(self.manifest.model) if self.manifest.sealed else None

    def name_of(self, record_id: str) -> str:
        """Return the name of a record's file, relative to the folder."""
        return record_name(record_id, self.manifest.sealed)

    def records(self, record_ids: Iterable[str] | None = None) -> list[ClassRecord]:
        """Read live records, all by default; raises `IntegrityError` for a missing, changed or damaged file."""
        live = sorted(self.manifest.records if record_ids is None else record_ids)
        keys = {} if self.keys is None else self.keys.get(live)
        return [record_from_bytes(i, self._open_record(i, self.read_file(i), keys.get(i))) for i in live]

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
        return tensors_from_bytes(read_checked(self.path / SHARED, self.manifest.shared), SHARED)

    def read_file(self, record_id: str) -> bytes:
        """Return a record's file as it lies on disk; raises `IntegrityError`."""
        return read_checked(self.path / self.name_of(record_id), self.manifest.records[record_id])

    def describe(self, contents: Mapping[str, bytes]) -> list[dict[str, Any]]:
        """Return id, location, bytes, digest and keyed name of records, for ledger and receipts.

        `contents`: what `read_file` returns, by record id.
        """
        keys = {} if self.keys is None else self.keys.get(contents)
        descriptions = []
        for record_id, content in contents.items():
            plain = self._open_record(record_id, content, keys.get(record_id))
            descriptions.append(described(record_id, self.name_of(record_id), content, plain))
        return descriptions

    def change(
        self, add: Sequence[ClassRecord] = (), erase: Sequence[str] = (), event: str = "add"
    ) -> list[dict[str, Any]]:
        """Write new records and take old ones out, as one step; return how the new ones are described.

        The manifest first says that the new files are to be erased, then that they live and the old ones are to be
        erased; whoever opens the folder after a crash ends what had begun.
        """
        with self.changing():
            self.check_current()
            new: list[dict[str, Any]] = []
            gone = set(erase)
            for unknown in sorted(gone - set(self.manifest.records)):
                raise StoreError(f"{self.path} has no record {unknown}")
            try:
                if add:
                    self._update(erasing=[self.name_of(record.id) for record in add])
                    new = self._write_records(add)
                live = {**self.manifest.records, **{entry["id"]: entry["digest"] for entry in new}}
                self.commit(
                    event,
                    {"records": new, "removed": [{"id": i} for i in sorted(gone)]},
                    records={i: digest for i, digest in live.items() if i not in gone},
                    detached=[i for i in self.manifest.detached if i not in gone],
                    erasing=sorted(self.name_of(i) for i in gone),
                )
            except BaseException:
                with contextlib.suppress(StoreError):
                    recover(self)
                raise
            self.finish_erasing()
        return new

    def seal(self) -> int:
        """Encrypt every record with a key of its own and delete the plain files; return how many those were.

        Raises `UsageError` for a model that is sealed already.
        """
        if self.manifest.sealed:
            raise UsageError(f"{self.path} is sealed already")
        with self.changing():
            self.check_current()
            ids = sorted(self.manifest.records)
            keys = self.keyring.model(self.manifest.model)
            own, digests = keys.begin(ids, ids_of(self.ledger), undone_seal(self.ledger, keys)), {}
            try:
                self._update(erasing=[record_name(i, True) for i in ids])
                for i in ids:
                    sealed = seal(self.read_file(i), own[i], model=self.manifest.model, record=i)
                    digests[i] = write_file(self.path / record_name(i, True), sealed)
                plain = [record_name(i, False) for i in ids]
                changes = {"records": digests, "sealed": True, "erasing": plain}
                listed = [{"id": i, "digest": digests[i]} for i in ids]
                self.commit("seal", {"records": listed}, **changes)
            except BaseException:
                if not self.manifest.sealed:
                    with contextlib.suppress(StoreError):
                        recover(self)
                        keys.withdraw(ids_of(self.ledger), undone_seal(self.ledger, keys))
                raise
            self.finish_erasing()
        return len(ids)

    def set_detached(self, record_ids: Sequence[str]) -> None:
        """Write down which records are left out of scoring."""
        before, after = set(self.manifest.detached), set(record_ids)
        changed = [{"id": i} for i in sorted(before ^ after)]
        with self.changing():
            self.check_current()
            self.commit(
                "detach" if after - before else "attach", {"records": changed}, detached=sorted(record_ids)
            )

    def commit(self, event: str, data: Mapping[str, Any], **changes: Any) -> Entry:
        """Add a row to the ledger, note it in the keyring of a sealed model, then replace the manifest."""
        with self.changing():
            self.check_current()
            if event in ORDINARY and is_ahead(self):  # nobody's row may be followed, and so be known
                undo(self)
            changed = replace(self.manifest, generation=self.manifest.generation + 1, **changes)
            entry = self.ledger.append(event, {**data, "state": changed.state()})
            self.adopt_head(entry.head, changed)
        self.audits += [entry.as_audit()] if event == "audit" else []
        return entry

    def is_writable(self) -> bool:
        """Tell whether this user may change the folder, and keys where it is sealed."""
        return os.access(self.path, os.W_OK) and (self.keys is None or self.keys.writable)

    def note_audit(self, kind: str, passed: bool, result: Mapping[str, Any]) -> None:
        """Enter an audit of the model into the ledger, with the digest of its result."""
        self.commit("audit", {"kind": kind, "passed": passed, "result": value_digest(dict(result))})

    def adopt_head(self, head: Head, manifest: Manifest) -> None:
        """Note the ledger's last row in the keyring, if the model is sealed, and let the manifest know it."""
        if manifest.sealed:
            self.keyring.model(manifest.model).note_head(head)
        digest = SqliteLedger(self.path / LEDGER).digest()
        self._write(replace(manifest, ledger={**head.as_dict(), "digest": digest}))

    def finish_erasing(self, erasure: str = "0" * 32, *, keys: bool = True) -> None:
        """Destroy the keys of records whose erasure has begun, then their files, and leftovers of cut off writes.

        `erasure`: the id under which the keyring keeps in mind that the keys were destroyed; `keys`: whether they are.
        Who didn't write `erasing` in this very process asks `consistency.check_erasing` first.
        """
        try:
            for leftover in [*self.path.glob(".writing-*"), *self.path.glob("*/.writing-*")]:
                leftover.unlink()
            if not self.manifest.erasing:
                return
            gone = {Path(name).stem for name in self.manifest.erasing} - set(self.manifest.records)
            if keys and self.keys is not None and gone:
                self.keys.destroy(sorted(gone), erasure, None)
            for name in self.manifest.erasing:
                (self.path / name).unlink(missing_ok=True)
            sync_folder(self.path / RECORDS)
            self._update(erasing=[])
        except OSError as error:
            if isinstance(error, StoreError):
                raise
            raise StoreError(
                f"an erasure in {self.path} has begun but can't be ended: {error.strerror or error}; "
                "make the folder writable and open the model again"
            ) from error

    def has_intent(self) -> bool:
        """Tell whether an erasure has begun and not ended."""
        return (self.path / INTENT).exists()

    def check(self) -> None:
        """Check names of files, ledger and keyring against the manifest, see `consistency.check`."""
        self.note_audits(check(self))

    def note_audits(self, entries: Iterable[Entry]) -> None:
        """Keep in mind what receipts say of the audits among the ledger's rows."""
        self.audits = [entry.as_audit() for entry in entries if entry.event == "audit"]

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
            raise _cannot_write(self.path, error) from error

    def _write_records(self, records: Sequence[ClassRecord]) -> list[dict[str, Any]]:
        keys = {} if self.keys is None else self.keys.create([record.id for record in records])
        descriptions = []
        for record in records:
            plain = content = record_to_bytes(record)
            if record.id in keys:
                content = seal(plain, keys[record.id], model=self.manifest.model, record=record.id)
            write_file(self.path / self.name_of(record.id), content)
            descriptions.append(described(record.id, self.name_of(record.id), content, plain))
        return descriptions

    def _open_record(self, record_id: str, content: bytes, key: bytes | None) -> bytes:
        if key is None:
            return content
        return unseal(content, key, model=self.manifest.model, record=record_id)

    def check_current(self) -> None:
        """Raise `StoreError` if another process has changed the folder, `UsageError` if its keys can't be changed."""
        self._check_keys()
        if (self.path / NAME).read_bytes() != self._content:
            raise StoreError("another process has changed it; load the model again")

    def _check_keys(self) -> None:
        if self.keys is not None and not self.keys.writable:
            raise UsageError(
                f"{self.path} is sealed and its keys come from {self.keyring.place}, where they can't be changed or "
                "destroyed; work where its keyring is, with --keyring"
            )
        if self.keys is not None:  # with a wrong keyring nothing must begin
            self.keys.get(set(self.manifest.records) - set(self.keys.destroyed()))

    def _update(self, **changes: Any) -> None:
        self._write(replace(self.manifest, generation=self.manifest.generation + 1, **changes))

    def _write(self, manifest: Manifest) -> None:
        self._content = manifest.write(self.path)
        self.manifest = manifest


def _cannot_write(path: Path, error: OSError) -> StoreError:
    return StoreError(f"the model folder {path} can't be written: {error.strerror or error}")
