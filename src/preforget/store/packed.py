"""Which records of a model folder lie in which pack; read them, and write packs in which some are missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preforget.core.errors import IntegrityError
from preforget.records.record import new_record_id
from preforget.store.layout import pack_name
from preforget.store.manifest import Manifest
from preforget.store.pack import MOST_BYTES, pack_to_bytes, slots_of
from preforget.store.record_file import write_files
from preforget.store.unchanged import Unchanged

OLD_PACKS = "old_packs"
"""The entry of a ledger's row with the ids of packs that others have taken the place of."""


@dataclass(frozen=True)
class Repacking:
    """Packs that are to take the place of others, in which some records are missing.

    `gone`: by the id of each pack that goes, the records that are missing then; `new`: by the same, the id of the pack
    that comes, None where nothing would be left; `digests`: of packs that were written, by their ids.
    """

    gone: dict[str, set[str]] = field(default_factory=dict)
    new: dict[str, str | None] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The names of the files that come."""
        return sorted(pack_name(pack) for pack in self.new.values() if pack is not None)

    @property
    def old_names(self) -> list[str]:
        """The names of the files that go."""
        return sorted(map(pack_name, self.gone))

    def after(self, packs: dict[str, str]) -> dict[str, str]:
        """Return the packs of a manifest when it is done."""
        return {**{i: digest for i, digest in packs.items() if i not in self.gone}, **self.digests}

    def facts(self, added: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
        """Return what a row of the ledger says of it and of packs that are `added`, nothing if there are none."""
        packs = [*added, *({"id": i, "digest": digest} for i, digest in sorted(self.digests.items()))]
        old = sorted(self.gone)
        return {**({"packs": packs} if packs else {}), **({OLD_PACKS: old} if old else {})}


class Packed(Collection[str]):
    """The records in the packs of one folder."""

    def __init__(self, folder: Path, unchanged: Unchanged) -> None:
        self._folder = folder
        self._unchanged = unchanged
        self._digests: dict[str, str] = {}
        self._ids: dict[str, list[str]] = {}
        self._where: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._where)

    def __iter__(self) -> Iterator[str]:
        return iter(self._where)

    def __contains__(self, record_id: object) -> bool:
        return record_id in self._where

    def sample(self) -> list[str]:
        """Return the id of one record of each pack."""
        return [ids[0] for ids in self._ids.values()]

    def follow(self, manifest: Manifest) -> None:
        """Take the packs that a manifest lists; raises `IntegrityError` for one that isn't what was written."""
        if self._digests == manifest.packs:
            return
        for pack in [i for i, digest in self._digests.items() if manifest.packs.get(i) != digest]:
            for record in self._ids.pop(pack):
                del self._where[record]
            del self._digests[pack]
        for pack, digest in manifest.packs.items():
            if pack in self._digests:
                continue
            ids = [*self._slots(pack, digest)]
            if any(record in self._where or record in manifest.records for record in ids):
                raise IntegrityError(f"{self._folder / pack_name(pack)} holds a record that is there twice")
            self._ids[pack], self._digests[pack] = ids, digest
            self._where.update(dict.fromkeys(ids, pack))

    def read(self, record_ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield ids and contents of records, pack by pack; raises `IntegrityError`, `KeyError` for one not here."""
        for pack, ids in self._by_pack(record_ids).items():
            slots = self._slots(pack, self._digests[pack])
            for record in sorted(ids):
                yield record, bytes(slots[record])

    def without(self, record_ids: Iterable[str]) -> Repacking:
        """Return what must take the place of packs so that some records are in none; others are passed over."""
        gone = self._by_pack(i for i in record_ids if i in self._where)
        new = {
            pack: None if len(ids) == len(self._ids[pack]) else new_record_id() for pack, ids in gone.items()
        }
        return Repacking(gone, new)

    def anew(self) -> dict[str, list[str]]:
        """Return the records of every pack, by the id of a new pack for them."""
        return {new_record_id(): ids for ids in self._ids.values()}

    def write(self, repacking: Repacking) -> None:
        """Write the packs that come; raises `OSError`, `IntegrityError`."""
        for old, new in repacking.new.items():
            if new is not None:
                slots = self._slots(old, self._digests[old])
                left = {i: slot for i, slot in slots.items() if i not in repacking.gone[old]}
                name = pack_name(new)
                self._unchanged.note_new(name)
                repacking.digests[new] = write_files(self._folder, [(name, pack_to_bytes(left))])[name]

    def _by_pack(self, record_ids: Iterable[str]) -> dict[str, set[str]]:
        packs: dict[str, set[str]] = {}
        for record in record_ids:
            packs.setdefault(self._where[record], set()).add(record)
        return packs

    def _slots(self, pack: str, digest: str) -> dict[str, memoryview]:
        content = self._unchanged.read(pack_name(pack), digest, MOST_BYTES)
        return slots_of(content, str(self._folder / pack_name(pack)))
