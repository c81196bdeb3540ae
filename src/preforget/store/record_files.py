"""The files of a model folder: read and write its records, and describe them for ledger and receipts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from preforget.core.names import same_name
from preforget.records import ClassRecord, unknown_label
from preforget.store.key_service import Keyring, ModelKeys
from preforget.store.keyring import open_keyring
from preforget.store.layout import LEDGER, SHARED, record_name
from preforget.store.ledger import Ledger
from preforget.store.ledger_sqlite import SqliteLedger
from preforget.store.manifest import Manifest
from preforget.store.padding import padded
from preforget.store.record_file import described, read_checked, write_file
from preforget.store.sealing import SEALED_BYTES, seal, unseal
from preforget.store.tensors import record_from_bytes, record_to_bytes, tensors_from_bytes

KeyringPlace = Keyring | str | Path | None
"""A keyring, where it lies, or None for the default."""


class RecordFiles:
    """The files of one model, and the keys that open them."""

    def __init__(self, path: Path, manifest: Manifest, keyring: KeyringPlace = None) -> None:
        self.path = path.absolute()  # still the same folder when the process walks elsewhere
        self.manifest = manifest
        self.ledger = Ledger(SqliteLedger(self.path / LEDGER), manifest.model)
        self._keyring = keyring

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

    def write_records(self, records: Sequence[ClassRecord], made_for: str = "") -> list[dict[str, Any]]:
        """Write the files of records and return how they are described.

        Both are in the order of the random ids: that of names would tell whose file is whose. `made_for`: noted with
        the keys of a model that isn't finished, see `ModelKeys.create`.
        """
        records = sorted(records, key=lambda record: record.id)
        keys = {} if self.keys is None else self.keys.create([record.id for record in records], made_for)
        descriptions = []
        for record in records:
            plain = content = padded(record_to_bytes(record), SEALED_BYTES if record.id in keys else 0)
            if record.id in keys:
                content = seal(plain, keys[record.id], model=self.manifest.model, record=record.id)
            write_file(self.path / self.name_of(record.id), content)
            descriptions.append(described(record.id, self.name_of(record.id), content, plain))
        return descriptions

    def _open_record(self, record_id: str, content: bytes, key: bytes | None) -> bytes:
        if key is None:
            return content
        return unseal(content, key, model=self.manifest.model, record=record_id)
