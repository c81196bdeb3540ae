"""The files of a model folder: read and write its records, and describe them for ledger and receipts."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from preforget.core.errors import IntegrityError, StoreError
from preforget.core.names import same_name
from preforget.records import ClassRecord, unknown_label
from preforget.store.key_service import Keyring, ModelKeys
from preforget.store.keyring import open_keyring
from preforget.store.layout import LEDGER, PACKS, RECORDS, SHARED, pack_name, record_name
from preforget.store.ledger import Ledger
from preforget.store.ledger_sqlite import SqliteLedger
from preforget.store.manifest import Manifest
from preforget.store.pack import divided, pack_to_bytes, to_be_packed
from preforget.store.packed import Packed
from preforget.store.padding import padded
from preforget.store.record_file import described, read_checked, write_files
from preforget.store.sealing import SEALED_BYTES, seal, unseal
from preforget.store.tensors import record_from_bytes, record_to_bytes, tensors_from_bytes
from preforget.store.unchanged import Unchanged

LARGEST_READ_AGAIN = 2**24
"""Bytes of a record's file that is read only to know that it is as its digest says."""

KeyringPlace = Keyring | str | Path | None
"""A keyring, where it lies, or None for the default."""


@dataclass(frozen=True)
class New:
    """New records: those that get a file each, and the others by the id of the pack that they go into."""

    alone: list[ClassRecord]
    packs: dict[str, list[ClassRecord]]

    @classmethod
    def of(cls, records: Sequence[ClassRecord]) -> New:
        """Choose for each record where it goes."""
        packed = to_be_packed(records)
        inside = {record.id for record in packed}
        return cls([record for record in records if record.id not in inside], divided(packed))

    @property
    def records(self) -> list[ClassRecord]:
        """All records, in the order of their random ids: that of names would tell whose file is whose."""
        inside = [record for records in self.packs.values() for record in records]
        return sorted([*self.alone, *inside], key=lambda record: record.id)


@dataclass(frozen=True)
class Written:
    """What was written of new records: how those with a file of their own are described, and the packs of others.

    `packs`: what the ledger says of them.
    """

    records: list[dict[str, Any]]
    packs: list[dict[str, Any]]

    @property
    def digests(self) -> tuple[dict[str, str], dict[str, str]]:
        """The digests of records and of packs, by id."""
        records, packs = ({str(e["id"]): str(e["digest"]) for e in x} for x in (self.records, self.packs))
        return records, packs


class RecordFiles:
    """The files of one model, and the keys that open them."""

    def __init__(self, path: Path, manifest: Manifest, keyring: KeyringPlace = None) -> None:
        self.path = path.absolute()  # still the same folder when the process walks elsewhere
        self.manifest = manifest
        self.ledger = Ledger(SqliteLedger(self.path / LEDGER), manifest.model)
        self._keyring = keyring
        self._unchanged = Unchanged(self.path)
        self._packed = Packed(self.path, self._unchanged)

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

    @property
    def packed(self) -> Packed:
        """The records that lie in packs; raises `IntegrityError` for a pack that is not what was written."""
        self._packed.follow(self.manifest)
        return self._packed

    @property
    def live(self) -> Collection[str]:
        """The ids of all live records."""
        return {*self.manifest.records, *self.packed} if self.manifest.packs else self.manifest.records.keys()

    def is_live(self, record_id: str) -> bool:
        """Tell whether a record is live."""
        return record_id in self.manifest.records or (bool(self.manifest.packs) and record_id in self.packed)

    def check_packs(self) -> None:
        """Raise `IntegrityError` for a pack that is not what was written, and for a detached record that isn't live."""
        if self.manifest.packs and not set(self.manifest.detached) <= set(self.live):
            raise IntegrityError(f"the manifest of {self.path} is damaged: a detached record isn't live")

    def name_of(self, record_id: str) -> str:
        """Return the name of the file that a record has, or gets when it is taken out of its pack."""
        return record_name(record_id, self.manifest.sealed)

    def live_names(self) -> list[str]:
        """Return the names of all files of records and packs."""
        return [*map(self.name_of, self.manifest.records), *map(pack_name, self.manifest.packs)]

    def records(self, record_ids: Iterable[str] | None = None) -> list[ClassRecord]:
        """Read live records, all by default; raises `IntegrityError` for a missing, changed or damaged file."""
        live = sorted(self.live if record_ids is None else record_ids)
        keys = {} if self.keys is None else self.keys.get(live)
        read = {}
        for i, content in self.read_files(live):
            read[i] = record_from_bytes(i, self._open_record(i, content, keys.get(i)))
        return [read[i] for i in live]

    def find(self, labels: Iterable[str]) -> dict[str, list[ClassRecord]]:
        """Return all records in which each label has a part, by its name in the folder.

        Raises `UnknownLabelError` for a label that isn't there.
        """
        records, names = self.records(), []
        known = {record.label for record in records if record.label}
        for label in labels:
            name = same_name(label, known)
            if name is None:
                raise unknown_label(label, sorted(known))
            names.append(name)
        return {name: [record for record in records if record.concerns(name)] for name in names}

    def shared(self) -> dict[str, Tensor]:
        """Read what no class owns; empty for engines that train nothing shared."""
        if self.manifest.shared is None:
            return {}
        return tensors_from_bytes(read_checked(self.path / SHARED, self.manifest.shared), SHARED)

    def read_file(self, record_id: str) -> bytes:
        """Return a record's file, or its slot in a pack, as it lies on disk; raises `IntegrityError`."""
        return next(content for _, content in self.read_files([record_id]))

    def read_files(self, record_ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield ids and contents of records as `read_file`, pack by pack."""
        digests, others = self.manifest.records, list[str]()
        for i in record_ids:
            if i in digests or not self.manifest.packs:
                yield i, self._unchanged.read(self.name_of(i), digests[i])
            else:
                others.append(i)
        if others:
            yield from self.packed.read(others)

    def unsearched(self) -> dict[str, int]:
        """Return names and bytes of files that need no search for pieces of what was erased, as they hold none.

        They are packs, and in a sealed model files of records: no two of these can hold the same bytes. This process
        has found them to be as their digests say, and nobody has written to them since.
        """
        unchanged, live = self._unchanged.sizes(), set(self.live_names())
        kinds = (PACKS, RECORDS) if self.manifest.sealed else (PACKS,)
        return {name: size for name, size in unchanged.items() if name in live and name.startswith(kinds)}

    def read_unread(self) -> None:
        """Read the files of a sealed model's records that weren't read yet, so that `unsearched` can tell of them."""
        for i, digest in self.manifest.records.items() if self.manifest.sealed else ():
            if (name := self.name_of(i)) not in self._unchanged:
                with contextlib.suppress(
                    StoreError
                ):  # it isn't what was written, or very large: it will be searched
                    self._unchanged.read(name, digest, LARGEST_READ_AGAIN)

    def note_searched(self) -> None:
        """Keep in mind that all files were searched for pieces of what was erased."""
        self._unchanged.note_searched()

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

    def names_of_new(self, new: New) -> list[str]:
        """Return the names of new files, and those that packed records would have, whose keys are made with them.

        They are listed before anything is written: whoever finds a change cut off knows by them what it left.
        """
        return sorted([*map(pack_name, new.packs), *(self.name_of(record.id) for record in new.records)])

    def write_records(self, new: New, made_for: str = "") -> Written:
        """Write the files of records and return how they are described.

        `made_for`: noted with the keys of a model that isn't finished, see `ModelKeys.create`.
        """
        ids = [record.id for record in new.records]
        keys = {} if self.keys is None else self.keys.create(ids, made_for)
        descriptions: list[dict[str, Any]] = []

        def files() -> Iterator[tuple[str, bytes]]:
            for record in sorted(new.alone, key=lambda record: record.id):
                name = self.name_of(record.id)
                plain, content = self._contents(record, keys.get(record.id))
                descriptions.append(described(record.id, name, content, plain))
                yield name, content

        for record in new.alone:
            self._unchanged.note_new(self.name_of(record.id))
        write_files(self.path, files())
        packs = []
        for pack, records in sorted(new.packs.items()):
            slots = {record.id: self._contents(record, keys.get(record.id))[1] for record in records}
            packs.append(self._write_pack(pack, slots))
        return Written(descriptions, packs)

    def _write_pack(self, pack: str, slots: Mapping[str, bytes]) -> dict[str, Any]:
        """Write a pack and return what the ledger says of it; raises `OSError`."""
        name, content = pack_name(pack), pack_to_bytes(slots)
        self._unchanged.note_new(name)
        digest = write_files(self.path, [(name, content)])[name]
        return {"id": pack, "digest": digest, "bytes": len(content), "count": len(slots)}

    def _contents(self, record: ClassRecord, key: bytes | None) -> tuple[bytes, bytes]:
        """Return a new record's plain bytes, and those of its file."""
        plain = padded(record_to_bytes(record), 0 if key is None else SEALED_BYTES)
        if key is None:
            return plain, plain
        return plain, seal(plain, key, model=self.manifest.model, record=record.id)

    def _open_record(self, record_id: str, content: bytes, key: bytes | None) -> bytes:
        if key is None:
            return content
        return unseal(content, key, model=self.manifest.model, record=record_id)
