"""A model folder: create it whole or not at all, read it strictly, change it one atomic step at a time."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from preforget.core.errors import IntegrityError, StoreError, UsageError
from preforget.core.files import may_write, sync_folder, write_beside
from preforget.core.hashing import bytes_digest, value_digest
from preforget.records import ClassRecord
from preforget.store.attempt import attempt, clear_unfinished, ids_of
from preforget.store.confirmation import check_age, check_confirmed, check_not_unsealed, note_head
from preforget.store.consistency import check, prepare_row, recover
from preforget.store.current_files import CurrentFiles, cannot_write
from preforget.store.head import Head
from preforget.store.key_service import NO_ERASURE, place_of
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
from preforget.store.ledger import Entry, in_force
from preforget.store.ledger_sqlite import SqliteLedger
from preforget.store.manifest import NAME, Manifest
from preforget.store.padding import padded
from preforget.store.record_file import write_file
from preforget.store.record_files import KeyringPlace
from preforget.store.sealing import SEALED_BYTES, seal
from preforget.store.tensors import tensors_to_bytes


class ModelFolder(CurrentFiles):
    """One model on disk: `preforget.json`, its ledger, one file per record, and what no class owns.

    Changes are written through at once, each with a row in the ledger. `keyring`: where the keys of a sealed model
    and the keys that sign lie.
    """

    def __init__(self, path: Path, manifest: Manifest, keyring: KeyringPlace = None) -> None:
        super().__init__(path, manifest, keyring)
        self.audits: list[dict[str, Any]] = []
        self._unfinished = False
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
            with attempt(unfinished, lambda model: folder.keyring.model(model)):
                folder._held += 1  # by the attempt
                folder._unfinished = True
                # so that whoever finds this unfinished knows which keys it has
                begun = sorted(folder.name_of(record.id) for record in records)
                folder._write(replace(manifest, erasing=begun))
                learned = folder.write_records(records, place_of(unfinished))
                digest = write_file(unfinished / SHARED, tensors_to_bytes(shared)) if shared else None
                SqliteLedger.create(unfinished / LEDGER)
                facts = {
                    "engine": manifest.engine,
                    "guarantee": manifest.guarantee,
                    "version": manifest.version,
                }
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
                folder._unfinished = False
                if (
                    folder.keys is not None
                ):  # keys without a head are those of an attempt, and may be destroyed
                    folder.keys.note_head(Head(1, folder.manifest.ledger["hash"]))
                    made = set(folder.manifest.records)
                    if folder.keys.holding(made) != made:  # from here on nobody can withdraw them
                        raise IntegrityError(
                            f"while {path} was being written, its keys were removed from {folder.keys.place} by "
                            f"what somebody put beside it; it can't be read: delete {path} and make it again"
                        )
        except StoreError:
            raise
        except OSError as error:
            raise cannot_write(path, error) from error
        moved = cls(path, folder.manifest, keyring)
        moved._content = folder._content
        return moved

    @classmethod
    def discard_unfinished(cls, path: Path, model: str, keyring: KeyringPlace = None) -> None:
        """Delete what a creation that was cut off has left beside `path`, if it was of the model with this id."""
        unfinished = path.parent / unfinished_name(path.name)
        if not unfinished.exists():
            return
        left = None
        with contextlib.suppress(StoreError):
            left = Manifest.read(unfinished)
        if left is None:  # it has no keys yet
            shutil.rmtree(unfinished, ignore_errors=True)
        elif left.model == model:
            clear_unfinished(unfinished, cls(unfinished, left, keyring).keyring.model)

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
        with folder.changing(), folder.being_opened():
            folder.manifest = Manifest.read(path)
            folder._content = (path / NAME).read_bytes()
            check_kinds(path)
            check_not_unsealed(folder)
            if not old:
                check_age(folder)
                check_confirmed(folder)
            recover(folder, old=old)
            if not old:
                with contextlib.suppress(StoreError):  # a keyring that can't be written; the rows are signed
                    note_head(folder)
            yield folder

    def change(
        self,
        add: Sequence[ClassRecord] = (),
        erase: Sequence[str] = (),
        event: str = "add",
        options: Mapping[str, Any] | None = None,
        detached: Sequence[str] | None = None,
        keeps: Mapping[str, float] | None = None,
    ) -> list[dict[str, Any]]:
        """Write new records and take old ones out, as one step; return how the new ones are described.

        `options`: the engine's; `detached`, `keeps`: as in `Manifest`; by default as they were. The manifest first says
        that the new files are to be erased, then that they live and the old ones are to be erased; whoever opens the
        folder after a crash ends what had begun.
        """
        with self.changing():
            self.check_current()
            new: list[dict[str, Any]] = []
            gone, before = set(erase), self.manifest.detached
            for unknown in sorted(gone - set(self.manifest.records)):
                raise StoreError(f"{self.path} has no record {unknown}")
            try:
                if add:
                    self._update(erasing=sorted(self.name_of(record.id) for record in add))
                    new = self.write_records(add)
                live = {**self.manifest.records, **{entry["id"]: entry["digest"] for entry in new}}
                self.commit(
                    event,
                    {"records": new, "removed": [{"id": i} for i in sorted(gone)]},
                    records={i: digest for i, digest in live.items() if i not in gone},
                    detached=[i for i in sorted(before if detached is None else detached) if i not in gone],
                    keeps=dict(self.manifest.keeps if keeps is None else keeps),
                    erasing=sorted(self.name_of(i) for i in gone),
                    options=self.manifest.options if options is None else dict(options),
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
            earlier = ids_of(self.ledger)
            had_keys = bool(keys.holding(earlier))
            own, digests = keys.begin(ids, earlier), {}
            try:
                self._update(erasing=[record_name(i, True) for i in ids])
                for i in ids:
                    plain_file = padded(self.read_file(i), SEALED_BYTES)
                    sealed = seal(plain_file, own[i], model=self.manifest.model, record=i)
                    digests[i] = write_file(self.path / record_name(i, True), sealed)
                plain = [record_name(i, False) for i in ids]
                changes = {"records": digests, "sealed": True, "erasing": plain}
                listed = [{"id": i, "digest": digests[i]} for i in ids]
                self.commit("seal", {"records": listed}, **changes)
            except BaseException:
                with contextlib.suppress(StoreError):
                    if not Manifest.read(self.path).sealed:
                        recover(self)
                        if not had_keys:  # else a copy of the model may live by them, or another attempt
                            keys.withdraw(earlier)
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

    def set_keep(self, keep: float, keeps: Mapping[str, float]) -> None:
        """Write down which share of known inputs is to be answered, and those of single classes by ids of records."""
        with self.changing():
            self.check_current()
            single = {"records": [{"id": i, "keep": f"{keeps[i]:g}"} for i in sorted(keeps)]} if keeps else {}
            self.commit("keep", {"keep": f"{keep:g}", **single}, keep=keep, keeps=dict(keeps))

    def commit(self, event: str, data: Mapping[str, Any], **changes: Any) -> Entry:
        """Add a row to the ledger, replace the manifest, and note the row in the keyring of a sealed model."""
        with self.changing():
            self.check_current()
            prepare_row(self, event)
            changed = replace(self.manifest, generation=self.manifest.generation + 1, **changes)
            sign = self.keyring.signing.current().sign if changed.sealed else None
            entry = self.ledger.append(event, {**data, "state": changed.state()}, sign=sign)
            self.adopt_head(entry.head, changed)
        self.audits += [entry.as_audit()] if event == "audit" else []
        return entry

    def commit_restored(
        self,
        rows: Sequence[Entry],
        data: Mapping[str, Any],
        keys: Iterable[str],
        add: Sequence[ClassRecord],
        **changes: Any,
    ) -> None:
        """Take over rows of a newer export and add a `restore` row, in one step: all of it happens, or nothing.

        `keys`: ids of the records whose keys are destroyed with it, under the id of the erasure in `data`; `add`: new
        records. What needs room on a disk is written first, then the keyring, and two files are renamed last; if a
        crash comes between these, the next opening ends it, see `consistency.end_restore`.
        """
        with self.changing():
            self.check_current()
            if add:
                self._update(erasing=sorted(self.name_of(record.id) for record in add))
            written, renamed = list[tuple[Path, Path]](), False
            try:
                new = self.write_records(add)
                records = {**changes["records"], **{entry["id"]: entry["digest"] for entry in new}}
                generation = self.manifest.generation + 1
                changed = replace(self.manifest, generation=generation, **{**changes, "records": records})
                last = rows[-1].head if rows else None
                facts = {**data, "derived": new, "state": changed.state()}
                sign = self.keyring.signing.current().sign if changed.sealed else None
                entry = self.ledger.row_after(last, "restore", facts, sign=sign)
                ledger = SqliteLedger(self.path / LEDGER).extended([*rows, entry])
                manifest = replace(changed, ledger={**entry.head.as_dict(), "digest": bytes_digest(ledger)})
                for name, content in ((LEDGER, ledger), (NAME, manifest.content())):
                    written.append((write_beside(self.path / name, content), self.path / name))
                if self.keys is not None:
                    # of what is replaced they go when it is in its place: until then it can be made once more
                    gone = set(keys) - set(self.manifest.records)
                    self.keys.follow_restored(entry.head, sorted(gone), str(data["erasure"]))
                for temporary, path in written:
                    temporary.replace(path)
                    renamed = True
                    sync_folder(self.path)
            except BaseException:
                for temporary, _ in written:
                    temporary.unlink(missing_ok=True)
                if not renamed:
                    with contextlib.suppress(StoreError):
                        self.finish_erasing()
                raise
            self._content, self.manifest = manifest.content(), manifest

    def is_writable(self) -> bool:
        """Tell whether this user may change the folder, and keys where it is sealed."""
        return may_write(self.path) and (self.keys is None or self.keys.writable)

    def note_audit(self, kind: str, passed: bool, result: Mapping[str, Any]) -> None:
        """Enter an audit of the model into the ledger, with the digest of its result."""
        self.commit("audit", {"kind": kind, "passed": passed, "result": value_digest(dict(result))})

    def adopt_head(self, head: Head, manifest: Manifest) -> None:
        """Let the manifest know the ledger's last row, and note it in the keyring, if the model is sealed."""
        digest = SqliteLedger(self.path / LEDGER).digest()
        self._write(replace(manifest, ledger={**head.as_dict(), "digest": digest}))
        if manifest.sealed and not self._unfinished:
            self.keyring.model(manifest.model).note_head(head)

    def finish_erasing(self, erasure: str = NO_ERASURE, *, keys_of: Collection[str] | None = None) -> None:
        """Destroy the keys of records whose erasure has begun, then their files, and leftovers of cut off writes.

        `erasure`: the id under which the keyring keeps in mind that the keys were destroyed; `keys_of`: the ids whose
        keys may go, by default all of them. Who didn't write `erasing` in this very process asks
        `consistency.check_erasing` and `confirmation.may_go` first.
        """
        try:
            for leftover in [*self.path.glob(".writing-*"), *self.path.glob("*/.writing-*")]:
                leftover.unlink()
            if not self.manifest.erasing:
                return
            gone = {Path(name).stem for name in self.manifest.erasing} - set(self.manifest.records)
            gone &= gone if keys_of is None else set(keys_of)
            if self.keys is not None and gone:
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
        self.audits = [entry.as_audit() for entry in in_force(entries) if entry.event == "audit"]

    def check_current(self) -> None:
        """Raise `StoreError` if another process has changed the folder, `UsageError` if its keys can't be changed."""
        self._check_keys()
        self.check_unchanged()

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
