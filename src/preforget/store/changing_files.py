"""Change a model folder one atomic step at a time: what is cut off is undone or ended by whoever opens it next."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from preforget.core.errors import StoreError, UsageError
from preforget.core.files import sync_folder
from preforget.records import ClassRecord
from preforget.store.consistency import prepare_row, recover, without
from preforget.store.current_files import CurrentFiles
from preforget.store.head import Head
from preforget.store.key_service import NO_ERASURE
from preforget.store.layout import INTENT, LEDGER, RECORDS
from preforget.store.ledger import Entry
from preforget.store.ledger_sqlite import SqliteLedger
from preforget.store.manifest import Manifest
from preforget.store.record_file import write_files
from preforget.store.record_files import KeyringPlace, New, Written


class ChangingFiles(CurrentFiles):
    """The files of a model folder that are written through at once, each change with a row in the ledger."""

    def __init__(self, path: Path, manifest: Manifest, keyring: KeyringPlace = None) -> None:
        super().__init__(path, manifest, keyring)
        self.audits: list[dict[str, Any]] = []
        self._unfinished = False
        self.refused_intent = False

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
            written, gone = Written([], []), set(erase)
            for unknown in sorted(i for i in gone if not self.is_live(i)):
                raise StoreError(f"{self.path} has no record {unknown}")
            repacking = self.packed.without(gone)
            new = New.of(add)
            try:
                if add or repacking.names:
                    self.begin_writing([*self.names_of_new(new), *repacking.names])
                    self.packed.write(repacking)
                    written = self.write_records(new)
                records, packs = written.digests
                stated = self.manifest
                if detached is not None:
                    stated = replace(stated, detached=sorted(detached))
                if keeps is not None:
                    stated = replace(stated, keeps=dict(keeps))
                after = without(stated, gone)
                self.commit(
                    event,
                    {
                        "records": written.records,
                        **repacking.facts(written.packs),
                        "removed": [{"id": i} for i in sorted(gone)],
                    },
                    **{
                        **after,
                        "records": {**after["records"], **records},
                        "packs": {**repacking.after(self.manifest.packs), **packs},
                        "erasing": sorted([*map(self.name_of, gone), *repacking.old_names]),
                        "options": self.manifest.options if options is None else dict(options),
                    },
                )
            except BaseException:
                with contextlib.suppress(StoreError):
                    recover(self)
                raise
            self.finish_erasing()
        return written.records

    def take_out_of_packs(self, ids: Iterable[str]) -> None:
        """Give records that lie in packs a file each, as one step in which nothing is lost or destroyed.

        So what is to be erased next is whole files, as in a model without packs.
        """
        with self.changing():
            self.check_current()
            repacking = self.packed.without(ids)
            taken = sorted(i for gone in repacking.gone.values() for i in gone)
            if not taken:
                return
            try:
                self.begin_writing([*map(self.name_of, taken), *repacking.names])
                names = {self.name_of(i): i for i in taken}
                files = ((self.name_of(i), content) for i, content in self.packed.read(taken))
                digests = {names[name]: digest for name, digest in write_files(self.path, files).items()}
                self.packed.write(repacking)
                listed = [{"id": i, "digest": digests[i]} for i in taken]
                self.commit(
                    "repack",
                    {"records": listed, **repacking.facts()},
                    records={**self.manifest.records, **digests},
                    packs=repacking.after(self.manifest.packs),
                    erasing=repacking.old_names,
                )
            except BaseException:
                with contextlib.suppress(StoreError):
                    recover(self)
                raise
            self.finish_erasing()

    def commit_without(
        self, gone: Collection[str], files: Sequence[str], event: str, data: Mapping[str, Any]
    ) -> None:
        """Commit a change that takes records out, whose `files` are then to be deleted; their packs are rewritten."""
        repacking = self.packed.without(gone)
        if repacking.names:
            self.begin_writing(repacking.names)
            self.packed.write(repacking)
        self.commit(
            event,
            {**data, **repacking.facts()},
            **without(self.manifest, gone),
            packs=repacking.after(self.manifest.packs),
            erasing=sorted([*files, *repacking.old_names]),
        )

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

    def adopt_head(self, head: Head, manifest: Manifest) -> None:
        """Let the manifest know the ledger's last row, and note it in the keyring, if the model is sealed."""
        digest = SqliteLedger(self.path / LEDGER).digest()
        self._write(replace(manifest, ledger={**head.as_dict(), "digest": digest}))
        if manifest.sealed and not self._unfinished:
            self.keyring.model(manifest.model).note_head(head)

    def begin_writing(self, names: Iterable[str]) -> None:
        """List files that are deleted again if the change that writes them is cut off."""
        self._update(erasing=sorted(names))

    def finish_erasing(self, erasure: str = NO_ERASURE, *, keys_of: Collection[str] | None = None) -> None:
        """Destroy the keys of records whose erasure has begun, then their files, and leftovers of cut off writes.

        `erasure`: the id under which the keyring keeps in mind that the keys were destroyed; `keys_of`: the ids whose
        keys may go, by default all of them. Who didn't write `erasing` in this very process asks
        `authority.check_erasing` and `authority.may_go` first.
        """
        try:
            for leftover in [*self.path.glob(".writing-*"), *self.path.glob("*/.writing-*")]:
                leftover.unlink()
            if not self.manifest.erasing:
                return
            listed = {Path(name).stem for name in self.manifest.erasing if name.startswith(RECORDS)}
            gone = {i for i in listed if (keys_of is None or i in keys_of) and not self.is_live(i)}
            if self.keys is not None and gone:
                self.keys.destroy(sorted(gone), erasure, None)
            for name in self.manifest.erasing:
                (self.path / name).unlink(missing_ok=True)
            for name in {Path(name).parent.name for name in self.manifest.erasing}:
                if (self.path / name).is_dir():
                    sync_folder(self.path / name)
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
            ids = {*self.manifest.records, *self.packed.sample()}
            if self.keys.holding(ids) != ids:
                self.keys.get(ids - self.keys.destroyed_of(ids))

    def _update(self, **changes: Any) -> None:
        self._write(replace(self.manifest, generation=self.manifest.generation + 1, **changes))

    def _write(self, manifest: Manifest) -> None:
        self._content = manifest.write(self.path)
        self.manifest = manifest
