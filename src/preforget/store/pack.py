"""Packs: files of a few MB with the files of many records, so that a model of 100,000 persons is some hundred files.

A pack is a header and slots, one after another. A slot is, byte for byte, what the record's own file would be: padded
to a power of two, and in a sealed model encrypted with a key of its own. The header lists ids and sizes in the order
of the random ids. A pack is never changed: one with other slots is written beside it under an id of its own.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from preforget.core.errors import IntegrityError
from preforget.records import ClassRecord
from preforget.records.record import new_record_id
from preforget.store.layout import PACKS, pack_name
from preforget.store.padding import HEADER_STEP, padded_size

MAGIC = b"preforget-pack-1\n"
FEWEST = 64
"""So many records of persons that are written at once are packed; fewer have a file each."""

PACK_BYTES = 2**21
"""A pack is closed with the first person that makes it so large."""

MOST_BYTES = 2**34
"""The most bytes of a pack; a larger file isn't read."""

_COUNT = struct.Struct(">I")
_SLOT = struct.Struct(">16sQ")

Slots = Mapping[str, bytes | memoryview]
"""Contents of records' files by record id."""


def to_be_packed(records: Sequence[ClassRecord]) -> list[ClassRecord]:
    """Return those of some new records that go into packs: what holds one person's inputs, if it is many."""
    units = [record for record in records if record.subject is not None]
    return units if len(units) >= FEWEST else []


def divided(records: Sequence[ClassRecord]) -> dict[str, list[ClassRecord]]:
    """Return records by the random id of the pack that they go into.

    Who goes into which is drawn by lot, so it tells nothing. All of one person, in whichever classes, goes into one.
    """
    lots: dict[str | None, bytes] = {}
    drawn = [(lots.setdefault(record.subject, secrets.token_bytes(16)), record) for record in records]
    packs: dict[str, list[ClassRecord]] = {}
    size, last = PACK_BYTES, b""
    for lot, record in sorted(drawn, key=lambda both: (both[0], both[1].id)):
        if size >= PACK_BYTES and lot != last:
            pack = packs[new_record_id()] = []
            size = 0
        pack.append(record)
        size += padded_size(HEADER_STEP + sum(tensor.nbytes for tensor in record.tensors.values()))
        last = lot
    return packs


def pack_to_bytes(slots: Slots) -> bytes:
    """Return the file of a pack.

    >>> [*slots_of(pack_to_bytes({"b" * 32: b"two", "a" * 32: b"one"}), "it")]
    ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb']
    """
    ids = sorted(slots)
    table = b"".join(_SLOT.pack(bytes.fromhex(i), len(slots[i])) for i in ids)
    return b"".join([MAGIC, _COUNT.pack(len(ids)), table, *(slots[i] for i in ids)])


def slots_of(content: bytes, name: str) -> dict[str, memoryview]:
    """Return the slots of a pack's file by record id; raises `IntegrityError`, which names it, for another file."""
    start = len(MAGIC) + _COUNT.size
    slots: dict[str, memoryview] = {}
    if content.startswith(MAGIC) and len(content) >= start:
        (count,) = _COUNT.unpack_from(content, len(MAGIC))
        end = start + count * _SLOT.size
        view, ids = memoryview(content), list[str]()
        if end <= len(content):
            for raw, size in _SLOT.iter_unpack(view[start:end]):
                ids.append(raw.hex())
                slots[ids[-1]] = view[end : end + size]
                end += size
            if end == len(content) and ids == sorted(slots):
                return slots
    raise IntegrityError(f"{name} is no pack of records, or damaged; restore the folder from a copy")


def slots_in_copy(place: Path, ids: Iterable[str]) -> dict[str, list[bytes]]:
    """Return what packs in another folder hold under some record ids, without checking their digests.

    Raises `OSError`, and `IntegrityError` for a file among the packs that is none.
    """
    wanted, there = set(ids), dict[str, list[bytes]]()
    for slots in _packs_in(place):
        for record in wanted & slots.keys():
            there.setdefault(record, []).append(bytes(slots[record]))
    return there


def ids_in_copy(place: Path) -> set[str]:
    """Return the ids of all records in packs in another folder; raises as `slots_in_copy`."""
    return {record for slots in _packs_in(place) for record in slots}


def _packs_in(place: Path) -> Iterator[dict[str, memoryview]]:
    folder = place / PACKS
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        yield slots_of(path.read_bytes(), pack_name(path.stem))
