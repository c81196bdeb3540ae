"""A ledger in one SQLite file that refuses changes, and is checked when read, since anyone may have written to it."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from preforget.core.canonical import canonical_json, read_canonical
from preforget.core.errors import IntegrityError, StoreError
from preforget.core.files import write_atomic
from preforget.core.hashing import file_digest
from preforget.store.head import GENESIS
from preforget.store.ledger import MAX_LINE, Entry, LedgerStore

APPLICATION_ID = 0x70664C67  # "pfLg"
USER_VERSION = 1
_PAGE = 4096
_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
_BATCH = 100
_TIMEOUT = 5.0  # seconds that another process may hold the file
_REMEDY = "restore the ledger from a copy or an export"

SMALL = 2**22
"""Rows of a file of at most so many bytes are kept in memory for as long as the file has the same bytes."""

_TABLE = """CREATE TABLE entries(
  seq INTEGER PRIMARY KEY,
  time TEXT NOT NULL,
  event TEXT NOT NULL,
  data TEXT NOT NULL,
  previous TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE
) STRICT"""
_LAST = "(SELECT hash FROM entries ORDER BY seq DESC LIMIT 1)"
_TRIGGERS = {
    "no_update": "BEFORE UPDATE ON entries\nBEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
    "no_delete": "BEFORE DELETE ON entries\nBEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
    # the hash too: INSERT OR REPLACE would take the row that has it, without firing no_delete
    "only_next": f"""BEFORE INSERT ON entries
WHEN NEW.seq IS NOT coalesce((SELECT max(seq) FROM entries), 0) + 1
  OR NEW.previous IS NOT coalesce({_LAST}, '{GENESIS}')
  OR EXISTS (SELECT 1 FROM entries WHERE hash = NEW.hash)
BEGIN SELECT RAISE(ABORT, 'the row does not follow the last one'); END""",
}
_CREATE = [_TABLE, *(f"CREATE TRIGGER {name} {rest}" for name, rest in _TRIGGERS.items())]
_SCHEMA = [
    ("table", "entries", "entries", 2, _TABLE),
    ("index", "sqlite_autoindex_entries_1", "entries", 3, None),
    *(("trigger", name, "entries", 0, sql) for name, sql in zip(_TRIGGERS, _CREATE[1:], strict=True)),
]
_HEADER = {
    0: b"SQLite format 3\0" + _PAGE.to_bytes(2, "big") + bytes([1, 1, 0, 64, 32, 32]),  # 1, 1: never WAL
    44: (4).to_bytes(4, "big"),  # schema format
    52: bytes(4) + (1).to_bytes(4, "big") + USER_VERSION.to_bytes(4, "big"),  # no auto-vacuum, UTF-8
    64: bytes(4) + APPLICATION_ID.to_bytes(4, "big") + bytes(20),
}
"""What the fixed fields of the file's header hold, by offset (sqlite.org/fileformat2.html, section 1.3)."""

_TROUBLE = {
    sqlite3.SQLITE_FULL: "the disk is full; make room and try again",
    sqlite3.SQLITE_IOERR: "the disk is full or fails; make room, check it and try again",
    sqlite3.SQLITE_READONLY: "it or its folder is read-only; make both writable and try again",
    sqlite3.SQLITE_PERM: "access is denied; make it and its folder writable and try again",
    sqlite3.SQLITE_CANTOPEN: (
        "it or its journal can't be opened; check the rights on it and its folder, and whether the disk is full"
    ),
    sqlite3.SQLITE_BUSY: "another process is using it; try again",
    sqlite3.SQLITE_LOCKED: "another process is using it; try again",
    sqlite3.SQLITE_PROTOCOL: "another process is using it; try again",
    sqlite3.SQLITE_CONSTRAINT: "the row does not follow the last one: another process was faster; try again",
}
"""By SQLite's primary error code, what is not damage."""

# Closing any descriptor of a file drops all POSIX locks that this process has on it, those of SQLite in another
# thread too (sqlite.org/howtocorrupt.html, section 2.2).
_ONE_AT_A_TIME = threading.Lock()


_Row = tuple[object, ...]


@dataclass
class _Kept:
    """The rows of a file that has these bytes, and those of them that were parsed, by their place among the rows."""

    content: bytes
    rows: list[_Row]
    parsed: dict[int, Entry] = field(default_factory=dict)

    def first_after(self, seq: int) -> int:
        """Return the place of the first row after row `seq`."""
        return bisect_right([int(str(row[0])) for row in self.rows], seq)

    def also_in(self, rows: list[_Row]) -> dict[int, Entry]:
        """Return what was parsed of rows that are the same in other ones."""
        return {
            place: entry
            for place, entry in self.parsed.items()
            if rows[place : place + 1] == [self.rows[place]]
        }


class SqliteLedger(LedgerStore):
    """Rows in the file at `path`; it is opened for each operation and closed again, and written only by `append`.

    A small file that has the bytes of the last reading is not checked and parsed once more. What a killed process left
    half written is rolled back first. Every method raises `IntegrityError` for a file that is missing, damaged or not
    such a ledger, and `StoreError` where the system refuses.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()  # still the same file when the process walks elsewhere
        self._last_read: _Kept | None = None

    @classmethod
    def create(cls, path: Path) -> SqliteLedger:
        """Write an empty ledger, whole or not at all, mode 0600; raises `StoreError` if `path` is taken."""
        ledger = cls(path)
        _check_sqlite()
        if os.path.lexists(path):
            raise StoreError(f"{path} exists already; choose another place for the ledger")
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            for pragma in ("encoding='UTF-8'", f"page_size={_PAGE}", "auto_vacuum=0"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={USER_VERSION}")
            for statement in _CREATE:
                connection.execute(statement)
            content = connection.serialize()
        try:
            write_atomic(path, content)
        except OSError as error:
            raise StoreError(f"the ledger {path} can't be written: {error.strerror or error}") from error
        return ledger

    def last(self) -> Entry | None:
        """Return the last row, None where there is none."""
        kept = self._kept()
        if kept is not None:
            return self._parsed(kept, len(kept.rows) - 1) if kept.rows else None
        with self._connected() as connection:
            row = connection.execute("SELECT * FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
            self._check_count(connection)
        return self._entry(row) if row else None

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Yield the rows after row `after`, in order, once SQLite's own check of the whole file has passed."""
        after = min(after, 2**62)  # SQLite's integers end at 2**63
        kept = self._kept()
        if kept is not None:
            yield from (self._parsed(kept, place) for place in range(kept.first_after(after), len(kept.rows)))
            return
        checked = False
        while True:
            with self._connected() as connection:
                if not checked:
                    self._check_whole(connection)
                checked = True
                rows = connection.execute(
                    "SELECT * FROM entries WHERE seq > ? ORDER BY seq LIMIT ?", (after, _BATCH)
                ).fetchall()
            for row in rows:
                yield self._entry(row)
            if len(rows) < _BATCH:
                return
            after = rows[-1][0]

    def _kept(self) -> _Kept | None:
        """Return the rows of a small file, None for a large one."""
        content = self._small_content()
        if content is None:
            return None
        before = self._last_read
        if before is not None and before.content == content:
            return before
        with self._connected() as connection:
            self._check_whole(connection)
            rows = connection.execute("SELECT * FROM entries ORDER BY seq").fetchall()
        kept = _Kept(content, rows, {} if before is None else before.also_in(rows))
        # else another process has written meanwhile, and the rows may not be those of these bytes
        self._last_read = kept if self._small_content() == content else None
        return kept

    def _small_content(self) -> bytes | None:
        with _ONE_AT_A_TIME:
            self._prepare()
            with self._translated():
                return self.path.read_bytes() if self.path.stat().st_size <= SMALL else None

    def _parsed(self, kept: _Kept, place: int) -> Entry:
        if place not in kept.parsed:
            kept.parsed[place] = self._entry(kept.rows[place])
        return kept.parsed[place]

    def append(self, entry: Entry) -> None:
        """Add a row that follows the last one in one transaction; it is durable when this returns."""
        with self._connected(write=True) as connection:
            connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", _values(entry))
            connection.execute("COMMIT")

    def extended(self, entries: Iterable[Entry]) -> bytes:
        """Return what the file would be with more rows, which follow the last one; nothing is written.

        Raises as `append`.
        """
        with _ONE_AT_A_TIME:
            self._prepare()
            self._check_header()
            with self._translated(), closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
                connection.deserialize(self.path.read_bytes())
                connection.execute("BEGIN")
                connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", map(_values, entries))
                connection.execute("COMMIT")
                return connection.serialize()

    def digest(self) -> str:
        """Return the SHA-256 of the file as `sha256:<hex>`: it covers bytes that SQLite never reads as well."""
        with _ONE_AT_A_TIME:
            self._prepare()
            with self._translated():
                return file_digest(self.path)

    @contextmanager
    def _connected(self, write: bool = False) -> Iterator[sqlite3.Connection]:
        """Open a transaction on a file that looks as it was made; what is not committed in it is rolled back."""
        with _ONE_AT_A_TIME:
            self._prepare()
            self._check_header()
            with self._translated(), closing(self._open("rw" if write else "ro")) as connection:
                if write:
                    connection.execute("PRAGMA synchronous=EXTRA")
                    connection.execute("PRAGMA journal_mode=DELETE")
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                schema = connection.execute("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master")
                if schema.fetchmany(len(_SCHEMA) + 1) != _SCHEMA:
                    raise self._damaged("its tables or triggers are not those that were made")
                pages = connection.execute("PRAGMA page_count").fetchone()[0]
                if self.path.stat().st_size != pages * _PAGE:  # nobody else writes while we are reading
                    raise self._damaged("its size is wrong")
                yield connection

    def _check_whole(self, connection: sqlite3.Connection) -> None:
        self._check_count(connection)
        if connection.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
            raise self._damaged("SQLite's integrity check fails")

    def _check_count(self, connection: sqlite3.Connection) -> None:
        # the index holds each row too: a row that vanished from the table alone is no end of the ledger
        count = "SELECT count(*) FROM entries INDEXED BY sqlite_autoindex_entries_1"
        last = "SELECT coalesce(max(seq), 0) FROM entries"
        if connection.execute(count).fetchone() != connection.execute(last).fetchone():
            raise self._damaged("the number of its rows is wrong")

    def _open(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode={mode}", uri=True, timeout=_TIMEOUT, isolation_level=None
        )
        try:
            connection.text_factory = _strict_text
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_LINE)
            for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0"):
                connection.execute(f"PRAGMA {pragma}").close()
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self) -> None:
        """Check that the ledger is a regular file, and roll back what a killed process left in a journal beside it."""
        _check_sqlite()
        journal = self.path.with_name(f"{self.path.name}-journal")
        with self._translated():
            self._check_regular(self.path)
            try:
                self._check_regular(journal)
            except FileNotFoundError:
                return
            if _names_a_file(journal):
                raise self._damaged(f"{journal.name} names a file that rolling back would delete")
        with self._translated(), closing(self._open("rw")) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # reading rolls back
            self._check_header()
            for mode in ("PERSIST", "DELETE"):  # deletes a journal that was not begun, unless somebody writes
                connection.execute(f"PRAGMA journal_mode={mode}").fetchone()

    def _check_regular(self, path: Path) -> None:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise self._damaged(f"{path.name} is a link or no file")

    def _check_header(self) -> None:
        # before SQLite sees it: one bit there makes it write files of its own (WAL)
        with self._translated(), self.path.open("rb") as file:
            header = file.read(100)
        if any(header[start : start + len(fixed)] != fixed for start, fixed in _HEADER.items()):
            raise self._damaged("it does not begin like a ledger of preforget")

    def _entry(self, row: _Row) -> Entry:
        seq, time, event, data, previous, digest = row
        values = {"seq": seq, "time": time, "event": event, "previous": previous, "hash": digest}
        if not isinstance(data, str):
            raise self._damaged(f"row {seq}: the data are no text")
        try:
            return Entry.from_dict({**values, "data": read_canonical(data.encode())})
        except ValueError:  # its text would quote the data
            raise self._damaged(f"row {seq}: the data are not canonical JSON") from None
        except IntegrityError as error:
            raise self._damaged(f"row {seq}: {error}") from None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn errors of SQLite and of the system into errors that say what to do."""
        try:
            yield
        except StoreError:
            raise
        except (FileNotFoundError, NotADirectoryError):
            raise IntegrityError(f"the ledger is missing: there is no {self.path}; {_REMEDY}") from None
        except OSError as error:
            raise StoreError(f"the ledger {self.path} can't be read: {error.strerror or error}") from error
        except UnicodeDecodeError:  # its text would quote the row
            raise self._damaged("a text is not UTF-8") from None
        except sqlite3.Error as error:
            trouble = _TROUBLE.get(getattr(error, "sqlite_errorcode", -1) & 0xFF)
            if trouble is None:
                raise self._damaged(str(error)) from error
            raise StoreError(f"the ledger {self.path} can't be used: {trouble} ({error})") from error

    def _damaged(self, what: str) -> IntegrityError:
        return IntegrityError(f"the ledger {self.path} is not what was written: {what}; {_REMEDY}")


def _values(entry: Entry) -> _Row:
    """Return a row as SQLite takes it."""
    return tuple(canonical_json(v).decode() if isinstance(v, dict) else v for v in entry.as_dict().values())


def _names_a_file(journal: Path) -> bool:
    """Tell whether a journal ends with the name of a super-journal: SQLite would delete the file of that name.

    A ledger is never written together with another database, so ours have none (sqlite.org/fileformat2.html, 3).
    """
    with journal.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 8))
        return size >= 16 and file.read() == _JOURNAL_MAGIC


def _check_sqlite() -> None:
    if sqlite3.sqlite_version_info < (3, 37, 0):  # STRICT tables
        raise StoreError(f"SQLite 3.37 or newer is needed, this Python has {sqlite3.sqlite_version}")


def _strict_text(content: bytes) -> str:
    return content.decode("utf-8")
