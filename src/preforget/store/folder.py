"""A model folder: create it whole or not at all, read it strictly, change it one atomic step at a time."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from preforget.core.errors import IntegrityError, StoreError
from preforget.core.files import may_write, sync_folder, write_beside
from preforget.core.hashing import bytes_digest, value_digest
from preforget.records import ClassRecord
from preforget.store.attempt import attempt, clear_unfinished
from preforget.store.changing_files import ChangingFiles
from preforget.store.confirmation import check_age, check_confirmed, check_not_unsealed, note_head
from preforget.store.consistency import check, recover
from preforget.store.current_files import cannot_write
from preforget.store.head import Head
from preforget.store.key_service import place_of
from preforget.store.layout import (
    LEDGER,
    SHARED,
    check_free,
    check_kinds,
    unfinished_name,
)
from preforget.store.ledger import Entry, in_force
from preforget.store.ledger_sqlite import SqliteLedger
from preforget.store.manifest import NAME, Manifest
from preforget.store.packed import Repacking
from preforget.store.record_file import write_file
from preforget.store.record_files import KeyringPlace, New
from preforget.store.seal_folder import seal_folder
from preforget.store.tensors import tensors_to_bytes


class ModelFolder(ChangingFiles):
    """One model on disk: `preforget.json`, its ledger, one file per record, and what no class owns.

    Changes are written through at once, each with a row in the ledger. `keyring`: where the keys of a sealed model
    and the keys that sign lie.
    """

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
                new = New.of(records)
                folder._write(replace(manifest, erasing=folder.names_of_new(new)))
                learned = folder.write_records(new, place_of(unfinished))
                digests, packs = learned.digests
                digest = write_file(unfinished / SHARED, tensors_to_bytes(shared)) if shared else None
                SqliteLedger.create(unfinished / LEDGER)
                facts = {
                    "engine": manifest.engine,
                    "guarantee": manifest.guarantee,
                    "version": manifest.version,
                }
                folder.commit(
                    "learn",
                    {
                        **facts,
                        "records": learned.records,
                        **Repacking().facts(learned.packs),
                        "origin": None if origin is None else dict(origin),
                    },
                    records=digests,
                    packs=packs,
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
                    made = {record.id for record in records}
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

    def seal(self) -> int:
        """Encrypt every record with a key of its own and delete the plain files; return how many those were.

        Raises `UsageError` for a model that is sealed already.
        """
        return seal_folder(self)

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

    def commit_restored(
        self,
        rows: Sequence[Entry],
        data: Mapping[str, Any],
        keys: Iterable[str],
        add: Sequence[ClassRecord],
        gone: Collection[str],
        **changes: Any,
    ) -> None:
        """Take over rows of a newer export and add a `restore` row, in one step: all of it happens, or nothing.

        `keys`: ids of the records whose keys are destroyed with it, under the id of the erasure in `data`; `add`: new
        records; `gone`: live ones that are erased, whose packs are written anew. What needs room on a disk is written
        first, then the keyring, and two files are renamed last; if a crash comes between these, the next opening ends
        it, see `consistency.end_restore`.
        """
        with self.changing():
            self.check_current()
            repacking, new = self.packed.without(gone), New.of(add)
            if add or repacking.names:
                self.begin_writing([*self.names_of_new(new), *repacking.names])
            written, renamed = list[tuple[Path, Path]](), False
            try:
                self.packed.write(repacking)
                derived = self.write_records(new)
                digests, packs = derived.digests
                after = {
                    **changes,
                    "records": {**changes["records"], **digests},
                    "packs": {**repacking.after(self.manifest.packs), **packs},
                    "erasing": sorted([*changes["erasing"], *repacking.old_names]),
                }
                changed = replace(self.manifest, generation=self.manifest.generation + 1, **after)
                last = rows[-1].head if rows else None
                facts = {
                    **data,
                    "derived": derived.records,
                    **repacking.facts(derived.packs),
                    "state": changed.state(),
                }
                sign = self.keyring.signing.current().sign if changed.sealed else None
                entry = self.ledger.row_after(last, "restore", facts, sign=sign)
                ledger = SqliteLedger(self.path / LEDGER).extended([*rows, entry])
                manifest = replace(changed, ledger={**entry.head.as_dict(), "digest": bytes_digest(ledger)})
                for name, content in ((LEDGER, ledger), (NAME, manifest.content())):
                    written.append((write_beside(self.path / name, content), self.path / name))
                if self.keys is not None:
                    # of what is replaced they go when it is in its place: until then it can be made once more
                    destroyed = [i for i in keys if not self.is_live(i)]
                    self.keys.follow_restored(entry.head, sorted(destroyed), str(data["erasure"]))
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

    def check(self) -> None:
        """Check names of files, ledger and keyring against the manifest, see `consistency.check`."""
        self.note_audits(check(self))

    def note_audits(self, entries: Iterable[Entry]) -> None:
        """Keep in mind what receipts say of the audits among the ledger's rows."""
        self.audits = [entry.as_audit() for entry in in_force(entries) if entry.event == "audit"]
