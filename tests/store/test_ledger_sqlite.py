"""A real file flipped bit by bit, cut, edited by SQL, on a full disk, killed: an error or the same rows."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import secrets
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preforget.core.errors import IntegrityError, StoreError
from preforget.core.hashing import file_digest
from preforget.store import ledger_sqlite
from preforget.store.head import GENESIS
from preforget.store.ledger import Entry, Ledger
from preforget.store.ledger_sqlite import SqliteLedger

from ..forked import Forked

MODEL = "0123456789abcdef0123456789abcdef"
TIME = "2026-01-31T12:00:00.000Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "model ?#%41é").mkdir()
    return tmp_path / "model ?#%41é" / "ledger.sqlite3"


def at(path: Path) -> Ledger:
    return Ledger(SqliteLedger(path), MODEL)


def digest(path: Path) -> str:
    return SqliteLedger(path).digest()


def fill(path: Path, count: int = 3, **data: Any) -> list[Entry]:
    SqliteLedger.create(path)
    return [at(path).append("learn", {"number": number, **data}, TIME) for number in range(count)]


def sql(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def behind_its_back(path: Path, *statements: str) -> None:
    """Change rows as someone who puts the triggers back afterwards."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, text in triggers:
            connection.execute(text)


@contextlib.contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let every write beyond so many bytes into a file fail; the kernel does it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def guarded() -> Iterator[tuple[Path, Callable[[], contextlib.AbstractContextManager[None]]]]:
    """A folder, and what runs a block as somebody who has no rights beyond those of its modes."""

    @contextlib.contextmanager
    def nobody() -> Iterator[None]:
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield
        finally:
            if root:
                os.seteuid(0)

    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # where others may go, unlike pytest's
        yield Path(folder), nobody
        Path(folder).chmod(0o755)


# what it does


def test_rows_are_kept(path: Path) -> None:
    store = SqliteLedger.create(path)
    assert store.last() is None
    assert list(store.entries()) == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    rows = [
        at(path).append(event, {"b": [1, "é\0\u2028"], "a": {}}, TIME) for event in ("learn", "add", "seal")
    ]
    assert list(store.entries()) == rows
    assert list(store.entries(1)) == rows[1:]
    assert list(store.entries(3)) == list(store.entries(2**70)) == []
    assert store.last() == rows[-1]
    assert at(path).verify() == rows[-1].head
    assert store.digest() == file_digest(path)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    found = sqlite3.connect(path).execute("SELECT * FROM entries").fetchone()
    assert found == (1, TIME, "learn", '{"a":{},"b":[1,"é\\u0000\u2028"]}', GENESIS, rows[0].hash)


@given(
    st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), st.text(st.characters(codec="utf-8")))
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_kept(path: Path, data: dict[str, Any]) -> None:
    if not path.exists():
        SqliteLedger.create(path)
    entry = at(path).append("audit", data)
    assert at(path).store.last() == entry
    assert at(path).verify() == entry.head


def test_more_rows_than_one_batch(path: Path, tmp_path: Path) -> None:
    rows = fill(path, 201)
    for after in (0, 1, 99, 100, 101, 200, 201, 202):
        assert list(at(path).entries(after)) == rows[after:]
    assert at(path).holds(rows[150].head)
    other = tmp_path / "other"
    SqliteLedger.create(other)
    for part in (rows[:100], [], rows[100:]):
        before = other.read_bytes()
        content = SqliteLedger(other).extended(part)
        assert other.read_bytes() == before  # nothing is written
        other.write_bytes(content)
    assert list(at(other).entries()) == rows
    assert at(other).append("audit", {}).seq == 202
    for wrong in (rows[:1], rows[3:5]):
        with pytest.raises(StoreError, match="the row does not follow the last one"):
            SqliteLedger(other).extended(wrong)


def test_a_thousand_records_in_a_row(path: Path) -> None:
    SqliteLedger.create(path)
    records = [
        {"id": secrets.token_hex(16), "digest": f"sha256:{secrets.token_hex(32)}"} for _ in range(1000)
    ]
    entry = at(path).append("learn", {"records": records})
    assert at(path).store.last() == entry
    at(path).append("audit", {})
    assert at(path).verify().seq == 2


def handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_handle_lingers(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_sqlite, "SMALL", 0)  # as if it were large: rows are read as they are asked for
    before = handles()
    fill(path, 101)
    rows = at(path).entries()
    next(rows)
    shutil.copytree(path.parent, path.parent.with_name("copy"))
    path.parent.rename(path.parent.with_name("moved"))
    with pytest.raises(IntegrityError, match="ledger is missing"):
        list(rows)
    copy = path.parent.with_name("copy") / path.name
    copy.write_bytes(b"")
    with pytest.raises(IntegrityError):
        at(copy).verify()
    assert handles() == before


def test_a_file_with_the_same_bytes_is_not_parsed_again(path: Path) -> None:
    fill(path, 3)
    store = SqliteLedger(path)
    first = list(store.entries())
    assert [entry.seq for entry in store.entries(after=1)] == [2, 3]
    assert store.entries(after=2).__next__() is first[2] is store.last()
    at(path).append("audit", {})  # as another process would
    assert [entry.seq for entry in store.entries()] == [1, 2, 3, 4]
    assert next(store.entries()) is first[0]  # the same row, though the file is another
    assert list(store.entries(after=4)) == list(store.entries(after=2**70)) == []


@pytest.mark.parametrize("small", [0, ledger_sqlite.SMALL])
def test_what_changes_after_a_reading_is_found(
    path: Path, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_sqlite, "SMALL", small)
    fill(path, 3)
    ledger, content = at(path), path.read_bytes()
    head = ledger.verify()
    place = content.index(head.hash.encode())
    path.write_bytes(content[:place] + b"X" + content[place + 1 :])
    with pytest.raises(IntegrityError):
        ledger.verify()
    path.write_bytes(content)
    assert ledger.verify() == ledger.head() == head
    path.unlink()
    for use in (ledger.head, ledger.verify):
        with pytest.raises(IntegrityError, match="ledger is missing"):
            use()


def test_two_threads_and_a_third_that_reads(path: Path) -> None:
    SqliteLedger.create(path)
    kept: list[Entry] = []

    def write(name: str) -> None:
        while sum(entry.data["by"] == name for entry in kept) < 25:
            with contextlib.suppress(StoreError):  # the other was faster
                kept.append(at(path).append("audit", {"by": name}))

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        at(path).verify()
        digest(path)
    assert list(at(path).entries()) == sorted(kept, key=lambda entry: entry.seq)


# where it can't be


@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling"])
def test_a_taken_place(path: Path, kind: str) -> None:
    if kind == "folder":
        path.mkdir()
    elif kind == "file":
        path.write_text("mine")
    else:
        path.symlink_to("nowhere" if kind == "dangling" else path.parent)
    with pytest.raises(StoreError, match="exists already"):
        SqliteLedger.create(path)
    assert kind != "file" or path.read_text() == "mine"


@pytest.mark.parametrize("kind", ["missing", "no folder", "folder", "link", "pipe", "journal"])
def test_what_is_no_ledger_file(path: Path, kind: str) -> None:
    entry = fill(path, 1)[0]
    moved = path.rename(path.with_name("moved"))
    make: dict[str, Callable[[], object]] = {
        "missing": lambda: None,
        "no folder": lambda: shutil.rmtree(path.parent),
        "folder": path.mkdir,
        "link": lambda: path.symlink_to(moved),
        "pipe": lambda: os.mkfifo(path),
        "journal": lambda: (moved.rename(path), path.with_name(f"{path.name}-journal").symlink_to("nowhere")),
    }
    make[kind]()
    store = SqliteLedger(path)
    message = "ledger is missing" if kind in {"missing", "no folder"} else "is a link or no file"
    for use in (store.last, lambda: list(store.entries()), store.digest, lambda: store.append(entry)):
        with pytest.raises(IntegrityError, match=message):
            use()
    assert not path.exists() or kind in {"folder", "link", "pipe", "journal"}


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="can't be written"):
        SqliteLedger.create(tmp_path / "nowhere" / "ledger")


def test_an_older_sqlite(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(path, 1)
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 9))
    for use in (at(path).head, lambda: SqliteLedger.create(path.with_name("new"))):
        with pytest.raises(StoreError, match=r"SQLite 3\.37"):
            use()


# nobody changes a row


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET data = '{}'",
        "UPDATE OR REPLACE entries SET seq = 1 WHERE seq = 2",
        "UPDATE OR IGNORE entries SET hash = 'x' WHERE seq = 2",
        "DELETE FROM entries",
        "DELETE FROM entries WHERE seq = 3",
        f"INSERT INTO entries SELECT 5, '{TIME}', 'audit', '{{}}', hash, 'new' FROM entries WHERE seq = 3",
        f"INSERT INTO entries SELECT 0, '{TIME}', 'audit', '{{}}', hash, 'new' FROM entries WHERE seq = 3",
        f"INSERT INTO entries SELECT NULL, '{TIME}', 'audit', '{{}}', hash, 'new' FROM entries WHERE seq = 3",
        f"INSERT INTO entries SELECT 4, '{TIME}', 'audit', '{{}}', hash, 'new' FROM entries WHERE seq = 2",
        f"INSERT INTO entries VALUES (4, '{TIME}', 'audit', '{{}}', '{GENESIS}', 'new')",
        "INSERT OR REPLACE INTO entries SELECT seq, time, event, '{}', previous, hash FROM entries WHERE seq = 3",
        f"REPLACE INTO entries SELECT 4, '{TIME}', 'audit', '{{}}', (SELECT hash FROM entries WHERE seq = 3), hash "
        "FROM entries WHERE seq = 1",
        f"INSERT OR IGNORE INTO entries SELECT 3, '{TIME}', 'audit', '{{}}', hash, 'new' FROM entries WHERE seq = 2",
    ],
)
def test_triggers_refuse(path: Path, statement: str) -> None:
    rows = fill(path)
    with pytest.raises(sqlite3.IntegrityError, match=r"append-only|does not follow"):
        sql(path, statement)
    assert list(at(path).entries()) == rows
    sql(
        path,
        f"INSERT INTO entries SELECT 4, '{TIME}', 'audit', '{{}}', hash, 'new' FROM entries WHERE seq = 3",
    )


@pytest.mark.parametrize(
    "change", [{"seq": 5}, {"seq": 3}, {"previous": GENESIS}, {"hash": GENESIS, "seq": 1}]
)
def test_a_row_that_does_not_follow_is_not_appended(path: Path, change: dict[str, Any]) -> None:
    rows = fill(path)
    entry = {
        **rows[-1].as_dict(),
        "seq": 4,
        "previous": rows[-1].hash,
        "hash": "sha256:" + "1" * 64,
        **change,
    }
    before = digest(path)
    with pytest.raises(StoreError, match="does not follow the last one: another process was faster") as info:
        SqliteLedger(path).append(Entry.from_dict(entry))
    assert not isinstance(info.value, IntegrityError)
    assert digest(path) == before


@pytest.mark.parametrize(
    "statements",
    [
        ["DROP TRIGGER no_update"],
        ["DROP TRIGGER only_next"],
        ["DROP TRIGGER no_delete", "CREATE TRIGGER no_delete BEFORE DELETE ON entries BEGIN SELECT 1; END"],
        ["CREATE TRIGGER more AFTER INSERT ON entries BEGIN SELECT 1; END"],
        ["CREATE VIEW more AS SELECT * FROM entries"],
        ["CREATE TABLE more(a)"],
        ["CREATE INDEX more ON entries(time)"],
        ["ALTER TABLE entries ADD COLUMN more TEXT"],
        ["DROP TABLE entries"],
        ["ANALYZE"],
        ["PRAGMA user_version=2"],
        ["PRAGMA application_id=1"],
        ["PRAGMA journal_mode=WAL"],
        ["PRAGMA auto_vacuum=1", "VACUUM"],
        ["PRAGMA page_size=8192", "VACUUM"],
    ],
)
def test_another_schema(path: Path, statements: list[str]) -> None:
    entry = fill(path)[-1]
    sql(path, *statements)
    store = SqliteLedger(path)
    for use in (store.last, lambda: list(store.entries()), lambda: store.append(entry)):
        with pytest.raises(IntegrityError, match="is not what was written"):
            use()
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "values",
    [
        "data = '{\"number\": 2}'",
        'data = \'{"number":2,"number":2}\'',
        "data = '[]'",
        "data = ''",
        "data = CAST(x'7b2261223a22ff227d' AS TEXT)",
        "data = CAST(x'7b2261223a22eda080227d' AS TEXT)",
        "data = CAST(x'7b7d00' AS TEXT)",
        "data = CAST(x'efbbbf7b7d' AS TEXT)",
        "data = '" + "[" * 200_000 + "'",
        "data = '" + "[" * 500 + "]" * 500 + "'",
        "data = '{\"a\":' || hex(zeroblob(3000)) || '}'",
        "time = '2026-01-31'",
        "time = CAST(x'ff' AS TEXT)",
        "event = 'party'",
        "event = ''",
        "previous = 'x'",
        "hash = 'x'",
        "hash = upper(hash)",
    ],
)
def test_rows_that_were_never_written(path: Path, values: str) -> None:
    fill(path)
    behind_its_back(path, f"UPDATE entries SET {values} WHERE seq = 3")
    for use in (at(path).head, at(path).verify, lambda: at(path).append("audit", {})):
        with pytest.raises(IntegrityError) as info:
            use()
        assert "number" not in str(info.value)


@pytest.mark.parametrize("column", ["time", "event", "data", "previous", "hash"])
def test_values_of_another_type(path: Path, column: str) -> None:
    fill(path)
    strict, lax = "SET sql = replace(sql, '\n)', '\n) STRICT')", "SET sql = replace(sql, ') STRICT', ')')"
    allow, where = "PRAGMA writable_schema=ON", "WHERE name = 'entries'"
    sql(path, allow, f"UPDATE sqlite_master {lax} {where}")
    behind_its_back(path, f"UPDATE entries SET {column} = CAST({column} AS BLOB) WHERE seq = 3")
    sql(path, allow, f"UPDATE sqlite_master {strict} {where}")
    for use in (at(path).head, at(path).verify):
        with pytest.raises(IntegrityError, match=r"row 3|integrity check"):
            use()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE entries SET data = '{}' WHERE seq = 2", "row 2 .* has not the hash"),
        ("UPDATE entries SET data = '{}', hash = '{hash}' WHERE seq = 2", "row 3 .* does not link"),
        ("DELETE FROM entries WHERE seq = 2", "number of its rows is wrong"),
        ("DELETE FROM entries WHERE seq = 1", "number of its rows is wrong"),
        ("UPDATE entries SET seq = seq - 4 WHERE seq = 1", "row 1 .* is missing"),
        (
            f"INSERT INTO entries VALUES (0, '{TIME}', 'audit', '{{}}', '{GENESIS}', '{GENESIS}')",
            "number of its rows is wrong",
        ),
        (
            "UPDATE entries SET seq = CASE seq WHEN 1 THEN 9 WHEN 2 THEN 1 ELSE seq END",
            "number of its rows is wrong",
        ),
    ],
)
def test_edited_behind_its_back(path: Path, statement: str, message: str) -> None:
    rows = fill(path)
    edited = Entry(2, TIME, "learn", {}, rows[0].hash, "")
    behind_its_back(path, statement.replace("{hash}", edited.digest(MODEL)))
    with pytest.raises(IntegrityError, match=message):
        at(path).verify()


def test_reordered_rows(path: Path) -> None:
    fill(path)
    swap = [f"UPDATE entries SET seq = {new} WHERE seq = {old}" for old, new in ((1, 9), (2, 1), (9, 2))]
    behind_its_back(path, *swap)
    with pytest.raises(IntegrityError, match=r"row 1 .* does not link"):
        at(path).verify()


def test_rows_removed_at_the_end(path: Path) -> None:
    rows = fill(path)
    behind_its_back(path, "DELETE FROM entries WHERE seq = 3")
    assert at(path).verify() == rows[1].head
    assert not at(path).holds(rows[2].head)


def test_the_ledger_of_another_model(path: Path) -> None:
    fill(path)
    other = Ledger(SqliteLedger(path), "other")
    for use in (other.head, other.verify, lambda: other.append("audit", {})):
        with pytest.raises(IntegrityError, match="another model than other"):
            use()


# damage


def outcome(path: Path) -> list[Entry] | None:
    """The rows, None for an integrity error; whatever else is raised fails the test."""
    try:
        return list(at(path).entries())
    except IntegrityError:
        return None


def test_a_bit_of_every_byte(path: Path) -> None:
    """One bit of each byte but of most that are zero; every bit with `PREFORGET_FUZZ=full`."""
    every = 1 if os.environ.get("PREFORGET_FUZZ") == "full" else 16
    rows = fill(path)
    content, known = path.read_bytes(), digest(path)
    noticed = 0
    with path.open("r+b", buffering=0) as file:
        for place, byte in enumerate(content):
            if byte == 0 and place % every:
                continue
            for bit in range(8) if every == 1 else (place % 8,):
                os.pwrite(file.fileno(), bytes([byte ^ 1 << bit]), place)
                found = outcome(path)
                assert found is None or found == rows
                noticed += found is None
            assert digest(path) != known
            os.pwrite(file.fileno(), bytes([byte]), place)
    assert noticed > (8000 if every == 1 else 1000)  # all of the rows' text and more
    assert digest(path) == known
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_random_bits_of_many_pages(path: Path) -> None:
    rows = fill(path, 150, text="x" * 300)
    content = path.read_bytes()
    assert len(content) > 20 * 4096
    for seed in range(120):
        rng = random.Random(seed)
        damaged = bytearray(content)
        for place in rng.sample(range(8 * len(content)), rng.choice([1, 1, 2, 50])):
            damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        assert outcome(path) in (None, rows)


def test_appending_to_damage(path: Path) -> None:
    rows = fill(path)
    content = path.read_bytes()
    used = [place for place, byte in enumerate(content) if byte]
    for seed in range(300):
        rng = random.Random(seed)
        damaged = bytearray(content)
        damaged[rng.choice(used)] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            new = [at(path).append("audit", {})]
        except StoreError:
            new = []
        assert outcome(path) in (None, rows + new)


def test_cut_off(path: Path) -> None:
    fill(path, 30, text="x" * 500)
    content = path.read_bytes()
    rng = random.Random(0)
    lengths = [*range(0, len(content), 4096), *rng.sample(range(len(content)), 100)]
    for length in [*lengths, *range(100)]:
        path.write_bytes(content[:length])
        assert outcome(path) is None
        with pytest.raises(IntegrityError):
            at(path).append("audit", {})
    for more in (1, 4096):
        path.write_bytes(content + bytes(more))
        assert outcome(path) is None


def test_something_else(path: Path) -> None:
    for content in (b"", b"x", b"SQLite format 3\0", bytes(8192), random.Random(0).randbytes(8192)):
        path.write_bytes(content)
        assert outcome(path) is None


# trouble that is no damage


def test_a_full_disk(path: Path) -> None:
    rows = fill(path)
    size, known = path.stat().st_size, digest(path)
    for limit in (0, 100, 4096, size, size + 4096, size + 3 * 4096, size + 10 * 4096):
        with full_disk(limit), pytest.raises(StoreError, match="disk is full") as info:
            at(path).append("audit", {"text": "x" * 100_000})
        assert not isinstance(info.value, IntegrityError)
        assert list(at(path).entries()) == rows
        assert digest(path) == known
        assert [p.name for p in path.parent.iterdir()] == [path.name]
    with full_disk(100), pytest.raises(StoreError, match="can't be written"):
        SqliteLedger.create(path.with_name("new"))
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    rows.append(at(path).append("audit", {}))
    assert list(at(path).entries()) == rows


def test_read_only(guarded: tuple[Path, Callable[[], contextlib.AbstractContextManager[None]]]) -> None:
    folder, nobody = guarded
    path = folder / "ledger"
    rows = fill(path)
    for file_mode, folder_mode in ((0o444, 0o777), (0o666, 0o555), (0o444, 0o555)):
        path.chmod(file_mode)
        folder.chmod(folder_mode)
        with nobody():
            assert list(at(path).entries()) == rows
            assert at(path).head() == rows[-1].head
            assert digest(path) == file_digest(path)
            with pytest.raises(StoreError, match=r"read-only|can't be opened") as info:
                at(path).append("audit", {})
        assert not isinstance(info.value, IntegrityError)
        assert [p.name for p in folder.iterdir()] == [path.name]
    path.chmod(0o000)
    with nobody():
        for use in (at(path).head, at(path).verify, SqliteLedger(path).digest):
            with pytest.raises(StoreError, match="Permission denied") as info:
                use()
            assert not isinstance(info.value, IntegrityError)


def test_another_process_holds_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = fill(path)
    monkeypatch.setattr(ledger_sqlite, "_TIMEOUT", 0.05)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        for use in (at(path).verify, lambda: SqliteLedger(path).append(rows[0])):
            with pytest.raises(StoreError, match="another process is using it") as info:
                use()
            assert not isinstance(info.value, IntegrityError)
    assert list(at(path).entries()) == rows


# killed processes

HOT = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size=5")
connection.execute("BEGIN IMMEDIATE")
for number in range(200):
    last, seq = connection.execute("SELECT hash, seq FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
    values = (seq + 1, "t", "audit", "x" * 3000, last, str(number))
    connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", values)
os.kill(os.getpid(), signal.SIGKILL)
"""


def make_hot(path: Path) -> Path:
    """Kill a process whose transaction has reached the file already; return the journal."""
    done = subprocess.run([sys.executable, "-c", HOT, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    return path.with_name(f"{path.name}-journal")


@pytest.mark.parametrize("first", ["verify", "head", "digest", "append"])
def test_a_hot_journal_is_rolled_back(path: Path, first: str) -> None:
    rows = fill(path)
    content = path.read_bytes()
    journal = make_hot(path)
    assert journal.stat().st_size > 0
    assert path.read_bytes() != content
    if first == "append":
        rows.append(at(path).append("audit", {}))
    else:
        {"verify": at(path).verify, "head": at(path).head, "digest": SqliteLedger(path).digest}[first]()
        assert path.read_bytes() == content
    assert not journal.exists()
    assert list(at(path).entries()) == rows


def test_a_hot_journal_on_read_only_media(
    guarded: tuple[Path, Callable[[], contextlib.AbstractContextManager[None]]],
) -> None:
    folder, nobody = guarded
    path = folder / "ledger"
    rows = fill(path)
    make_hot(path).chmod(0o444)
    path.chmod(0o444)
    folder.chmod(0o555)
    with nobody(), pytest.raises(StoreError, match=r"read-only|can't be opened") as info:
        at(path).verify()
    assert not isinstance(info.value, IntegrityError)
    folder.chmod(0o755)
    assert list(at(path).entries()) == rows


def test_a_journal_that_is_no_journal(path: Path) -> None:
    rows = fill(path)
    journal = path.with_name(f"{path.name}-journal")
    for content in (b"", bytes(512), b"x", b"x" * 5000, random.Random(0).randbytes(9000)):
        journal.write_bytes(content)
        assert list(at(path).entries()) == rows
        assert not journal.exists()


def test_an_empty_journal_on_read_only_media(
    guarded: tuple[Path, Callable[[], contextlib.AbstractContextManager[None]]],
) -> None:
    folder, nobody = guarded
    path = folder / "ledger"
    rows = fill(path)
    journal = path.with_name(f"{path.name}-journal")
    journal.touch(0o444)
    for file, mode in ((path, 0o444), (folder, 0o555)):
        file.chmod(mode)
    with nobody():
        assert list(at(path).entries()) == rows
    assert journal.exists()


def test_killed_while_appending(path: Path) -> None:
    """What was acknowledged is there, and at most one row more."""
    fill(path, 1)
    rng, seq = random.Random(0), 1
    for wanted in [0, 1, 2, 3] * 5:
        reading, writing = os.pipe()

        def append(number: int = wanted, acknowledge: int = writing) -> None:
            ledger = Ledger(SqliteLedger(path), MODEL)
            while True:
                row = ledger.append("audit", {"text": "x" * (number * 3000)})
                os.write(acknowledge, b"%d " % row.seq)

        child = Forked(append)
        os.close(writing)
        with os.fdopen(reading, "rb", buffering=0) as acknowledgements:
            told = b""
            while told.count(b" ") < wanted:
                chunk = acknowledgements.read(4096)
                assert chunk, child.said()
                told += chunk
            time.sleep(rng.uniform(0, 0.01))  # the kill comes anywhere in what follows
            child.send(signal.SIGKILL)
            assert child.wait() == -signal.SIGKILL
            told += acknowledgements.read()
        acknowledged = [int(word) for word in told.split()]
        assert acknowledged == list(range(seq + 1, seq + 1 + len(acknowledged)))
        head = at(path).verify()
        assert head.seq - seq - len(acknowledged) in (0, 1)
        assert [p.name for p in path.parent.iterdir()] == [path.name]
        seq = head.seq
    assert seq > 30


def test_a_journal_that_would_delete_a_file_elsewhere_is_refused(tmp_path: Path) -> None:
    """SQLite deletes the file that a journal names as its super-journal, wherever that lies."""
    ledger = SqliteLedger.create(tmp_path / "ledger.sqlite3")
    victim = tmp_path / "victim"
    victim.write_bytes(b"somebody's")
    name = os.fsencode(victim)
    magic = bytes.fromhex("d9d505f920a163d7")
    signed = sum(byte if byte < 128 else byte - 256 for byte in name)
    head = magic + (0).to_bytes(4, "big") * 2 + (4).to_bytes(4, "big") + (512).to_bytes(4, "big")
    content = (head + (4096).to_bytes(4, "big")).ljust(512, b"\0")
    content += (2**30 // 4096 + 1).to_bytes(4, "big") + name + len(name).to_bytes(4, "big")
    content += (signed % 2**32).to_bytes(4, "big") + magic
    journal = tmp_path / "ledger.sqlite3-journal"
    journal.write_bytes(content)
    for use in (ledger.last, ledger.digest, lambda: list(ledger.entries())):
        with pytest.raises(IntegrityError, match="names a file that rolling back would delete"):
            use()
    assert victim.read_bytes() == b"somebody's"
    with contextlib.closing(
        sqlite3.connect(tmp_path / "ledger.sqlite3")
    ) as connection:  # without the check it is so
        connection.execute("SELECT count(*) FROM entries").fetchone()
    assert not victim.exists()
