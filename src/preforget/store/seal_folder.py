"""Encrypt every record of a model folder that was written without keys."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Protocol

from preforget.core.errors import StoreError, UsageError
from preforget.store.attempt import ids_of
from preforget.store.consistency import ChangingFolder, recover
from preforget.store.layout import pack_name, record_name
from preforget.store.manifest import Manifest
from preforget.store.pack import pack_to_bytes
from preforget.store.packed import Packed
from preforget.store.padding import padded
from preforget.store.record_file import write_files
from preforget.store.sealing import SEALED_BYTES, seal


class PlainFolder(ChangingFolder, Protocol):
    """What is asked of a model folder here, see `ModelFolder`."""

    @property
    def packed(self) -> Packed:
        """The records that lie in packs."""

    def changing(self) -> contextlib.AbstractContextManager[None]:
        """Keep other processes out."""

    def check_current(self) -> None:
        """Raise an error if another process has changed the folder."""

    def read_files(self, record_ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield ids and contents of records."""

    def begin_writing(self, names: Iterable[str]) -> None:
        """List files that are to be deleted if the change is cut off."""


def seal_folder(folder: PlainFolder) -> int:
    """Encrypt every record with a key of its own and delete the plain files; return how many records those were.

    Raises `UsageError` for a model that is sealed already.
    """
    if folder.manifest.sealed:
        raise UsageError(f"{folder.path} is sealed already")
    with folder.changing():
        folder.check_current()
        ids, alone = sorted(folder.live), sorted(folder.manifest.records)
        keys = folder.keyring.model(folder.manifest.model)
        earlier = {*ids_of(folder.ledger), *ids}
        had_keys = bool(keys.holding(earlier))
        record_keys = keys.begin(ids, earlier)
        packs = folder.packed.anew()

        def sealed(record_ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
            for i, plain in folder.read_files(record_ids):
                content = padded(plain, SEALED_BYTES)
                yield i, seal(content, record_keys[i], model=folder.manifest.model, record=i)

        try:
            folder.begin_writing([*(record_name(i, True) for i in ids), *map(pack_name, packs)])
            files = ((record_name(i, True), content) for i, content in sealed(alone))
            written = write_files(folder.path, files)
            digests = {i: written[record_name(i, True)] for i in alone}
            contents = ((pack_name(i), pack_to_bytes(dict(sealed(inside)))) for i, inside in packs.items())
            written = write_files(folder.path, contents)
            of_packs = {i: written[pack_name(i)] for i in packs}
            listed = {
                "records": [{"id": i, "digest": digests[i]} for i in alone],
                **({"packs": [{"id": i, "digest": of_packs[i]} for i in sorted(packs)]} if packs else {}),
            }
            folder.commit(
                "seal",
                listed,
                records=digests,
                packs=of_packs,
                sealed=True,
                erasing=sorted(
                    [*(record_name(i, False) for i in alone), *map(pack_name, folder.manifest.packs)]
                ),
            )
        except BaseException:
            with contextlib.suppress(StoreError):
                if not Manifest.read(folder.path).sealed:
                    recover(folder)
                    if not had_keys:  # else a copy of the model may live by them, or another attempt
                        keys.withdraw(earlier)
            raise
        folder.finish_erasing()
    return len(ids)
