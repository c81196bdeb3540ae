"""The append-only, hash-chained list of what happened to a model; a `LedgerStore` keeps the rows.

A row's hash covers the model's id, the row and the hash of the row before, so nobody can change a row, leave it
out, move it or take it from another model unnoticed. That rows at the end are missing shows only against a `Head`
kept elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import re
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from preforget.core.canonical import canonical_digest, canonical_json, read_canonical
from preforget.core.clock import now
from preforget.core.errors import IntegrityError, UsageError
from preforget.store.head import GENESIS, Head

EVENTS = frozenset(
    {"learn", "add", "derive", "detach", "attach", "audit", "export", "seal", "copy", "keep", "upgrade"}
    | {"repack", "more", "rename", "merge"}
    | {"forget", "erased", "restore", "undone"}
)
"""What can happen to a model."""

ERASING = frozenset({"forget", "restore"})
"""Rows that call records erased."""

MAX_LINE = 16 * 2**20
"""Bytes of the longest line of an export."""
MAX_DATA = MAX_LINE - 4096
"""Bytes of a row's data as canonical JSON, so that every row fits into a line."""
MAX_DEPTH = 32
"""How deeply a row's data may be nested."""
SIGNATURE = "signature"
"""The entry of a row's data by which a keyring confirms it; rows of sealed models have one."""

Sign = Callable[[bytes], bytes]
"""Signs bytes, with a key of a keyring."""

_START = Head(0, GENESIS)
_MAX_SEQ = 10**15 - 1  # what `Head.parse` reads, and what JSON holds exactly
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_HASH = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Entry:
    """One row: `seq` counts from 1, `time` is UTC in RFC 3339 with ms, `previous` and `hash` are `sha256:<hex>`."""

    seq: int
    time: str
    event: str
    data: dict[str, Any]
    previous: str
    hash: str

    @property
    def head(self) -> Head:
        """The ledger's head as long as this row is the last."""
        return Head(self.seq, self.hash)

    def digest(self, model: str) -> str:
        """Return what `hash` must be in the ledger of a model; raises `ValueError` for data JSON can't hold."""
        covered = {"model": model, **self.as_dict()}
        del covered["hash"]
        return canonical_digest(covered)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; `data` is shared, not copied."""
        return {name: getattr(self, name) for name in _FIELDS}

    @property
    def signature(self) -> bytes:
        """The signature in the row's data, empty if there is none that can be read."""
        text = self.data.get(SIGNATURE)
        try:
            return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
        except binascii.Error:
            return b""

    def signed_content(self, model: str) -> bytes:
        """Return the bytes that a row's signature covers: the model, and the row without signature and hash."""
        values = {"model": model, **self.as_dict()}
        del values["hash"]
        values["data"] = {name: value for name, value in self.data.items() if name != SIGNATURE}
        return b"preforget ledger row 1\n" + canonical_json(values)

    def as_audit(self) -> dict[str, Any]:
        """Return what receipts say of an audit."""
        kind, passed = (self.data.get(name) for name in ("kind", "passed"))
        return {"seq": self.seq, "hash": self.hash, "kind": kind, "passed": passed}

    @classmethod
    def from_dict(cls, values: object) -> Entry:
        """Read what `as_dict` returns; raises `IntegrityError` for other keys, types or forms."""
        if not isinstance(values, dict) or set(values) != set(_FIELDS):
            raise IntegrityError(f"the row has not exactly the entries {', '.join(_FIELDS)}")
        entry = cls(**values)
        for name, good, form in (
            ("seq", type(entry.seq) is int and 1 <= entry.seq <= _MAX_SEQ, "a whole number above 0"),
            ("time", _is_time(entry.time), "like 2026-01-31T12:00:00.000Z"),
            ("event", _is_event(entry.event), "known to this version of preforget"),
            ("data", _is_plain(entry.data), f"an object, nested at most {MAX_DEPTH} deep"),
            ("previous", _is_hash(entry.previous), "like sha256:<64 hex digits>"),
            ("hash", _is_hash(entry.hash), "like sha256:<64 hex digits>"),
        ):
            if not good:
                raise IntegrityError(f"the row's {name} is not {form}")
        return entry


_FIELDS = tuple(Entry.__dataclass_fields__)


class LedgerStore(ABC):
    """Keeps the rows. Reading raises `IntegrityError` for damage and `StoreError` where reading itself fails."""

    @abstractmethod
    def last(self) -> Entry | None:
        """Return the last row, None where there is none."""

    @abstractmethod
    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Yield the rows after row `after`, in order."""

    @abstractmethod
    def append(self, entry: Entry) -> None:
        """Add a row that follows the last one; it is durable when this returns. Raises `StoreError`."""


class Ledger:
    """The ledger of one model in a store; `model` is the model's id, not a name."""

    def __init__(self, store: LedgerStore, model: str) -> None:
        if not isinstance(model, str) or not 1 <= len(model) <= 256 or not model.isprintable():
            raise UsageError("a ledger needs the id of its model: 1 to 256 printable characters")
        self.store = store
        self.model = model
        self._checked = weakref.WeakValueDictionary[int, Entry]()  # rows that have the hash of their content

    def head(self) -> Head:
        """Return number and hash of the last row; raises `IntegrityError` if it is damaged."""
        last = self.store.last()
        if last is None:
            return _START
        self._check_content(last)
        return last.head

    def append(
        self, event: str, data: dict[str, Any], time: str | None = None, sign: Sign | None = None
    ) -> Entry:
        """Add a row about what happened at `time`, now by default, and return it; it is durable when this returns.

        `sign`: signs the row. Raises `UsageError` for what a row can't hold, `IntegrityError` if the last row is
        damaged, `StoreError`.
        """
        entry = self.row_after(None, event, data, time, sign)
        self.store.append(entry)
        return entry

    def row_after(
        self,
        before: Head | None,
        event: str,
        data: dict[str, Any],
        time: str | None = None,
        sign: Sign | None = None,
    ) -> Entry:
        """Return the row that would follow `before`, by default the last one, without adding it; raises as `append`."""
        if not _is_event(event):
            raise UsageError(f"{event!r} is no event of a ledger; there are {', '.join(sorted(EVENTS))}")
        if time is not None and not _is_time(time):
            raise UsageError(f"{time!r} is no time of a ledger; it looks like 2026-01-31T12:00:00.000Z")
        plain = _plain(data)
        before = before or self.head()
        entry = Entry(before.seq + 1, time or now(), event, plain, before.hash, "")
        if sign is not None:
            signature = base64.b64encode(sign(entry.signed_content(self.model))).decode()
            entry = replace(entry, data={**plain, SIGNATURE: signature})
        return replace(entry, hash=entry.digest(self.model))

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Yield the rows after row `after`, each checked against the row before; raises `IntegrityError`."""
        before, rows = _START, self.store.entries(max(after - 1, 0))
        if after > 0:
            anchor = next(rows, None)
            if anchor is None:
                return
            if anchor.seq != after:
                raise _broken(after, "is missing")
            self._check_content(anchor)
            before = anchor.head
        for entry in rows:
            _check_link(before, entry)
            self._check_content(entry)
            before = entry.head
            yield entry

    def _check_content(self, entry: Entry) -> None:
        """Check a row by itself, once for each time that the store reads it; raises `IntegrityError`."""
        if self._checked.get(entry.seq) is not entry:
            _check_content(entry, self.model)
            self._checked[entry.seq] = entry

    def verify(self) -> Head:
        """Check every row and return the head; raises `IntegrityError` with the row's number and what is wrong."""
        head = _START
        for entry in self.entries():
            head = entry.head
        return head

    def holds(self, head: Head) -> bool:
        """Tell whether exactly the row that `head` names is in the ledger; raises `IntegrityError`."""
        if head.seq < 1:
            return head == _START
        entry = next(self.entries(head.seq - 1), None)
        return entry is not None and entry.head == head

    def export(self) -> Iterator[str]:
        """Yield one line of canonical JSON per row, without line breaks; raises `IntegrityError`."""
        return (canonical_json({"model": self.model, **entry.as_dict()}).decode() for entry in self.entries())

    def newer(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return those rows returned by `read_export` that follow the last one here; none if they were taken over.

        Raises `IntegrityError` unless they are a chain that begins with all rows of this ledger. Where rows of an
        export were taken over already, a `restore` follows the last of them.
        """
        exported, head, known = list(entries), _START, 0
        for entry in exported:
            head = _follow(head, entry, self.model)
        for ours in self.entries():
            if known == len(exported):
                if ours.event == "restore":
                    return []
                raise IntegrityError(f"the export ends at row {known}, the ledger goes on; take a newer one")
            if ours != exported[known]:
                raise IntegrityError(f"row {ours.seq} is another one in the export: their histories differ")
            known += 1
        return exported[known:]

    def erased(self) -> dict[str, str]:
        """Return the id of the (first) erasure for each record id that `forget` and `restore` rows list."""
        return erased_by(self.entries())


def in_force(entries: Iterable[Entry]) -> list[Entry]:
    """Return the rows among these that no `undone` row among them names."""
    rows = list(entries)
    undone = {number for entry in rows for number in _undone_by(entry)}
    return [entry for entry in rows if entry.seq not in undone]


def erased_by(entries: Iterable[Entry]) -> dict[str, str]:
    """Return the id of the (first) erasure for each record id that `forget` and `restore` rows among these list.

    Rows that an `undone` row names don't count.
    """
    erasures = dict[str, str]()
    for entry in in_force(entries):
        if entry.event in ERASING and {"erasure", "records"} <= set(entry.data):
            for record_id in _erased_ids(entry):
                erasures.setdefault(record_id, entry.data["erasure"])
    return erasures


def taken_out_by(entries: Iterable[Entry]) -> set[str]:
    """Return the ids of records that rows among these call erased, or removed for others in their place."""
    rows = in_force(entries)
    lists = (row.data.get("removed") for row in rows)
    removed = [record for listed in lists if isinstance(listed, list) for record in listed]
    return {str(record["id"]) for record in removed if isinstance(record, dict) and "id" in record} | set(
        erased_by(rows)
    )


def _undone_by(entry: Entry) -> list[int]:
    """Return the numbers of the rows that a row calls undone; only those before it can be."""
    listed = entry.data.get("rows") if entry.event == "undone" else None
    rows = listed if isinstance(listed, list) else []
    return [number for number in rows if isinstance(number, int) and number < entry.seq]


def read_export(text_or_lines: str | Iterable[str], model: str) -> list[Entry]:
    """Read the lines of `Ledger.export` of a model, from its row 1; a line break may end each.

    Raises `IntegrityError` with the number of a line that is not canonical, too long, of another model or out of chain.
    """
    lines: Iterable[str] = text_or_lines
    if isinstance(text_or_lines, str):
        # not splitlines: canonical JSON leaves U+2028 and its like as they are
        lines = text_or_lines.removesuffix("\n").split("\n") if text_or_lines else []
    entries, head = list[Entry](), _START
    for number, line in enumerate(lines, start=1):
        try:
            entries.append(_read_line(line.removesuffix("\n"), model))
            head = _follow(head, entries[-1], model)
        except IntegrityError as error:
            raise IntegrityError(f"line {number} of the export can't be trusted: {error}") from None
    return entries


def _read_line(line: str, model: str) -> Entry:
    if len(line) > MAX_LINE:
        raise IntegrityError(f"it is longer than {MAX_LINE} bytes")
    try:
        content = line.encode()
        values = read_canonical(content) if len(content) <= MAX_LINE else None
    except ValueError:  # its text would quote the line
        raise IntegrityError("it is not canonical JSON (RFC 8785)") from None
    if not isinstance(values, dict) or values.pop("model", None) != model:
        raise IntegrityError(f"it is no row of the model {model}")
    return Entry.from_dict(values)


def _follow(before: Head, entry: Entry, model: str) -> Head:
    """Check that a row comes right after `before`, and return the head with it; raises `IntegrityError`."""
    _check_link(before, entry)
    _check_content(entry, model)
    return entry.head


def _check_link(before: Head, entry: Entry) -> None:
    seq = before.seq + 1
    if entry.seq != seq:
        raise _broken(seq, f"is missing: row {entry.seq} is in its place")
    if entry.previous != before.hash:
        raise _broken(seq, "does not link to the row before it")


def _check_content(entry: Entry, model: str) -> None:
    if not _is_event(entry.event):
        raise _broken(entry.seq, "has an unknown event")
    if entry.digest(model) != entry.hash:
        what = f"it was changed, or belongs to another model than {model}"
        raise _broken(entry.seq, f"has not the hash of its content: {what}")


def _broken(seq: int, what: str) -> IntegrityError:
    return IntegrityError(f"row {seq} of the ledger {what}; restore the ledger from a copy or an export")


def _erased_ids(entry: Entry) -> Iterator[str]:
    erasure, records = entry.data["erasure"], entry.data["records"]
    for record in records if isinstance(erasure, str) and isinstance(records, list) else [None]:
        if not isinstance(record, dict) or not isinstance(record.get("id"), str):
            # passing over it could bring back what was erased
            raise _broken(entry.seq, "does not list what it erased")
        yield record["id"]


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    """Return data as they are read back; a float such as 1e20 would be written as an integer that can't be read."""
    try:
        content = canonical_json(data)
        plain: dict[str, Any] = read_canonical(content)
    except (ValueError, RecursionError):  # the text could quote the data
        raise UsageError("a ledger's row keeps plain JSON values, no numbers beyond 2^53") from None
    if not _is_plain(plain) or len(content) > MAX_DATA:
        raise UsageError(f"a ledger's row keeps an object of at most {MAX_DATA} bytes and {MAX_DEPTH} levels")
    return plain


def _is_event(value: object) -> bool:
    return isinstance(value, str) and value in EVENTS


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _is_plain(data: object) -> bool:
    return isinstance(data, dict) and _is_shallow(data, MAX_DEPTH)


def _is_shallow(value: object, depth: int) -> bool:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return depth > 0 and all(_is_shallow(item, depth - 1) for item in inner)
    return True


def _is_time(text: object) -> bool:
    try:
        return isinstance(text, str) and bool(_TIME.fullmatch(text) and datetime.fromisoformat(text))
    except ValueError:  # no such day or hour
        return False
