"""A chain by hand, what is refused, and that no change of a row, of their order or of an export passes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preforget.core.errors import IntegrityError, UsageError
from preforget.store.head import GENESIS, Head
from preforget.store.ledger import EVENTS, MAX_DATA, MAX_LINE, Entry, Ledger, LedgerStore, read_export

MODEL = "0123456789abcdef0123456789abcdef"
TIME = "2026-01-31T12:00:00.000Z"
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e15, 1e15)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
DATA = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), JSON, max_size=3)


class Rows(LedgerStore):
    """The smallest store there can be."""

    def __init__(self, rows: list[Entry] | None = None) -> None:
        self.rows = rows or []

    def last(self) -> Entry | None:
        return self.rows[-1] if self.rows else None

    def entries(self, after: int = 0) -> Iterator[Entry]:
        return iter([entry for entry in self.rows if entry.seq > after])

    def append(self, entry: Entry) -> None:
        self.rows.append(entry)


def chain(count: int = 4, model: str = MODEL) -> Ledger:
    ledger = Ledger(Rows(), model)
    for number in range(count):
        ledger.append("learn" if number == 0 else "audit", {"number": number}, TIME)
    return ledger


def rows(ledger: Ledger) -> list[Entry]:
    assert isinstance(ledger.store, Rows)
    return ledger.store.rows


def reference(entry: Entry, model: str = MODEL) -> str:
    """The hash of a row with ASCII keys and no floats, without the package's own canonical JSON."""
    values = {"model": model, **{k: v for k, v in vars(entry).items() if k != "hash"}}
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


# rows


def test_the_first_two_rows_by_hand() -> None:
    ledger = Ledger(Rows(), "m1")
    first = ledger.append("learn", {"records": ["é"], "count": 2}, TIME)
    text = (
        '{"data":{"count":2,"records":["é"]},"event":"learn","model":"m1",'
        '"previous":"sha256:' + "0" * 64 + '","seq":1,"time":"2026-01-31T12:00:00.000Z"}'
    )
    assert first.hash == "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    second = ledger.append("forget", {}, TIME)
    text = (
        f'{{"data":{{}},"event":"forget","model":"m1","previous":"{first.hash}","seq":2,'
        '"time":"2026-01-31T12:00:00.000Z"}'
    )
    assert second.hash == "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert ledger.head() == ledger.verify() == second.head == Head(2, second.hash)
    assert rows(ledger) == [first, second]
    assert all(reference(entry, "m1") == entry.hash for entry in ledger.entries())


def test_a_ledger_without_rows() -> None:
    ledger = chain(0)
    assert ledger.head() == ledger.verify() == Head(0, GENESIS)
    assert list(ledger.entries()) == list(ledger.export()) == list(ledger.entries(3)) == []
    assert ledger.holds(Head(0, GENESIS))
    assert not ledger.holds(Head(0, "sha256:" + "1" * 64))
    assert not ledger.holds(Head(1, GENESIS))


def test_now_is_utc_with_milliseconds() -> None:
    entry = chain(0).append("learn", {})
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.time)
    assert Entry.from_dict(entry.as_dict()) == entry


@given(st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), DATA), max_size=5), st.integers(0, 6))
def test_what_is_written_is_read(items: list[tuple[str, dict[str, Any]]], start: int) -> None:
    ledger = Ledger(Rows(), MODEL)
    for event, data in items:
        entry = ledger.append(event, data)
        assert entry.data == data
        assert Entry.from_dict(entry.as_dict()) == entry
    assert ledger.verify() == ledger.head()
    assert list(ledger.entries(start)) == rows(ledger)[start:]
    assert all(ledger.holds(entry.head) for entry in rows(ledger))
    assert read_export(ledger.export(), MODEL) == rows(ledger)
    assert read_export("".join(f"{line}\n" for line in ledger.export()), MODEL) == rows(ledger)


def test_data_are_kept_as_they_will_be_read() -> None:
    ledger, given_data = chain(0), {"a": (1, 2.0, -0.0), "b": {}}
    entry = ledger.append("learn", given_data)
    assert entry.data == {"a": [1, 2, 0], "b": {}}
    given_data["b"]["later"] = 1  # type: ignore[call-overload]
    ledger.verify()


def deep(levels: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for _ in range(levels - 1):
        data = {"a": data}
    return data


@pytest.mark.parametrize(
    ("event", "data", "time"),
    [
        ("Learn", {}, None),
        ("", {}, None),
        ([], {}, None),
        ("learn", [], None),
        ("learn", None, None),
        ("learn", {1: 2}, None),
        ("learn", {"a": {1, 2}}, None),
        ("learn", {"a": float("nan")}, None),
        ("learn", {"a": 2**53}, None),
        ("learn", {"a": 1e20}, None),  # canonical as 100000000000000000000, which is no exact number
        ("learn", {"a": "\ud800"}, None),
        ("learn", {"\ud800": 1}, None),
        ("learn", deep(33), None),
        ("learn", deep(5000), None),
        ("learn", {"a": "x" * MAX_DATA}, None),
        ("learn", {}, ""),
        ("learn", {}, "2026-01-31T12:00:00Z"),
        ("learn", {}, "2026-02-31T12:00:00.000Z"),
        ("learn", {}, "2026-01-31T24:00:00.000Z"),
        ("learn", {}, "2026-01-31T12:00:00.000Z\n"),
        ("learn", {}, "２026-01-31T12:00:00.000Z"),
    ],
)
def test_what_a_row_cannot_hold(event: Any, data: Any, time: Any) -> None:
    ledger = chain(1)
    with pytest.raises(UsageError):
        ledger.append(event, data, time)
    assert len(rows(ledger)) == 1


def test_the_largest_row_fits_into_a_line_of_an_export() -> None:
    ledger = Ledger(Rows(), "模" * 256)
    ledger.append("learn", {"a": "x" * (MAX_DATA - len('{"a":""}'))})
    ledger.append("audit", deep(32))
    assert len(next(ledger.export()).encode()) <= MAX_LINE
    assert read_export(ledger.export(), ledger.model) == rows(ledger)


@pytest.mark.parametrize("model", ["", "x" * 257, None, 3, "a\nb", "\ud800"])
def test_what_is_no_id_of_a_model(model: Any) -> None:
    with pytest.raises(UsageError, match="id of its model"):
        Ledger(Rows(), model)


def changed(**values: Any) -> dict[str, Any]:
    return {**chain(1).head().as_dict(), **rows(chain(1))[0].as_dict(), **values}


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        "row",
        {},
        changed(more=1),
        {k: v for k, v in changed().items() if k != "time"},
        *(changed(seq=seq) for seq in (0, -1, True, 1.0, "1", None, 10**15)),
        *(
            changed(time=time)
            for time in (0, None, "", "2026-13-01T00:00:00.000Z", "2026-01-01 00:00:00.000Z")
        ),
        *(changed(event=event) for event in ("", "Learn", None, 1, [], {})),
        *(changed(data=data) for data in (None, [], "{}", deep(33))),
        *(
            changed(hash=h)
            for h in (None, 1, "", GENESIS[:-1], GENESIS + "0", GENESIS + "\n", "sha256:" + "A" * 64)
        ),
        *(changed(previous=h) for h in (None, 1, "", GENESIS[7:], GENESIS.upper())),
    ],
)
def test_what_is_no_row(values: Any) -> None:
    with pytest.raises(IntegrityError, match="the row"):
        Entry.from_dict(values)


# damage


def rehashed(entry: Entry, **values: Any) -> Entry:
    entry = replace(entry, **values)
    return replace(entry, hash=reference(entry))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.pop(0), "row 1 of the ledger is missing"),
        (lambda r: r.pop(2), "row 3 of the ledger is missing: row 4"),
        (lambda r: r.insert(1, r.pop(2)), "row 2 of the ledger is missing: row 3"),
        (lambda r: r.insert(1, r[1]), "row 3 of the ledger is missing: row 2"),
        (lambda r: r.insert(0, replace(r[0], seq=9)), "row 1 of the ledger is missing: row 9"),
        (lambda r: swap(r, 1, replace(r[1], data={"number": 2})), "row 2 .* has not the hash"),
        (lambda r: swap(r, 1, replace(r[1], time="2026-01-31T12:00:00.001Z")), "row 2 .* has not the hash"),
        (lambda r: swap(r, 1, replace(r[1], event="seal")), "row 2 .* has not the hash"),
        (lambda r: swap(r, 1, replace(r[1], event="party")), "row 2 .* unknown event"),
        (lambda r: swap(r, 1, replace(r[1], hash=r[2].hash)), "row 2 .* has not the hash"),
        (lambda r: swap(r, 1, replace(r[1], previous=GENESIS)), "row 2 .* does not link"),
        (lambda r: swap(r, 1, rehashed(r[1], data={})), "row 3 .* does not link"),
        (lambda r: swap(r, 2, rehashed(r[1], seq=3)), "row 3 .* does not link"),
        (lambda r: swap(r, 0, rows(chain(1, "other"))[0]), "row 1 .* another model"),
    ],
)
def test_verify_says_what_is_wrong(change: Callable[[list[Entry]], None], message: str) -> None:
    ledger = chain()
    change(rows(ledger))
    for read in (ledger.verify, lambda: list(ledger.entries()), lambda: list(ledger.export()), ledger.erased):
        with pytest.raises(IntegrityError, match=message):
            read()


def swap(entries: list[Entry], place: int, entry: Entry) -> None:
    entries[place] = entry


def test_a_ledger_of_another_model() -> None:
    store = Rows(rows(chain()))
    for read in (Ledger(store, "other").verify, Ledger(store, "other").head):
        with pytest.raises(IntegrityError, match="belongs to another model than other"):
            read()


def test_nothing_is_chained_to_a_damaged_row() -> None:
    ledger = chain()
    swap(rows(ledger), 3, replace(rows(ledger)[3], data={}))
    with pytest.raises(IntegrityError, match="row 4"):
        ledger.append("audit", {})
    assert len(rows(ledger)) == 4


def test_a_part_of_the_rows_is_checked_from_the_row_before() -> None:
    ledger = chain()
    swap(rows(ledger), 1, rehashed(rows(ledger)[1], data={}))
    assert list(ledger.entries(3)) == rows(ledger)[3:]
    with pytest.raises(IntegrityError, match=r"row 3 .* does not link"):
        list(ledger.entries(2))
    del rows(ledger)[1]
    with pytest.raises(IntegrityError, match=r"row 2 .* is missing"):
        list(ledger.entries(2))


def test_rows_cut_off_at_the_end_show_against_a_head() -> None:
    ledger, head = chain(), chain().head()
    assert ledger.holds(head)
    assert ledger.holds(rows(ledger)[1].head)
    assert not ledger.holds(replace(head, seq=3))
    assert not ledger.holds(replace(head, hash=GENESIS))
    del rows(ledger)[3]
    assert ledger.verify().seq == 3
    assert not ledger.holds(head)
    assert not ledger.holds(Head(10**15 - 1, GENESIS))


# exports


def test_every_byte_of_an_export_counts() -> None:
    content = "\n".join(chain(2).export()).encode()
    for place in range(0, 8 * len(content), 3):  # two or three bits of each byte
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        with pytest.raises(IntegrityError, match=r"^line \d of the export"):
            read_export(damaged.decode(errors="surrogateescape"), MODEL)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t + "\n\n", "line 4 .* not canonical"),
        (lambda t: "\n" + t, "line 1 .* not canonical"),
        (lambda t: t.replace("\n", "\r\n"), "line 1 .* not canonical"),
        (lambda t: "\ufeff" + t, "line 1 .* not canonical"),
        (lambda t: t.replace(",", ", ", 1), "line 1 .* not canonical"),
        (lambda t: t.replace('"seq":2', '"seq":2.0'), "line 2 .* not canonical"),
        (lambda t: t.replace('"number":1', '"number":1,"number":1'), "line 2 .* not canonical"),
        (lambda t: t + "\n" + "[" * 500_000, "line 4 .* not canonical"),
        (lambda t: t + "\n" + '{"a":' * 300_000, "line 4 .* not canonical"),
        (lambda t: t + '\n{"a":' + "9" * 5000 + "}", "line 4 .* not canonical"),
        (lambda t: t + "\n" + "x" * (MAX_LINE + 1), "line 4 .* longer than"),
        (lambda t: t + '\n"' + "é" * (MAX_LINE // 2) + '"', "line 4 "),
        (lambda t: t + "\n[]", "line 4 .* no row of the model"),
        (lambda t: t + "\nnull", "line 4 .* no row of the model"),
        (lambda t: t.replace(f',"model":"{MODEL}"', "", 1), "line 1 .* no row of the model"),
        (lambda t: t.replace(MODEL, "other"), "line 1 .* no row of the model"),
        (lambda t: t.replace('"learn"', '"party"'), "line 1 .* event"),
        (lambda t: "\n".join(t.split("\n")[1:]), "line 1 .* row 1 of the ledger is missing"),
        (lambda t: "\n".join(t.split("\n")[::-1]), "line 1 .* row 1 of the ledger is missing"),
        (lambda t: "\n".join(t.split("\n")[::2]), "line 2 .* row 2 of the ledger is missing"),
        (lambda t: t + "\n" + t, "line 4 .* row 4 of the ledger is missing"),
        (lambda t: t.replace('"number":2', '"number":3'), "line 3 .* hash"),
    ],
)
def test_what_is_no_export(change: Callable[[str], str], message: str) -> None:
    text = "\n".join(chain(3).export())
    assert len(read_export(text, MODEL)) == 3
    with pytest.raises(IntegrityError, match=message):
        read_export(change(text), MODEL)


def test_line_separators_of_unicode_are_no_ends_of_lines() -> None:
    ledger = chain(0)
    ledger.append("learn", {"text": "a\u2028b\u2029c\x85d\x0be\nf\r\n"})
    assert read_export("\n".join(ledger.export()), MODEL) == rows(ledger)


def test_an_empty_export() -> None:
    assert read_export("", MODEL) == read_export([], MODEL) == []


def test_an_error_does_not_quote_the_export() -> None:
    for text in ('{"Mary Miller": 1}', '{"model":"Mary Miller"}', '{"Mary Miller":"\ud800"}'):
        with pytest.raises(IntegrityError) as info:
            read_export(text, MODEL)
        assert "Mary" not in str(info.value)


@given(st.integers(0, 4), st.integers(0, 4))
@settings(max_examples=30)
def test_rows_that_are_newer_in_an_export(here: int, there: int) -> None:
    ledger, export = chain(here), read_export(chain(there).export(), MODEL)
    if here <= there:
        assert ledger.newer(export) == export[here:]
    else:
        with pytest.raises(IntegrityError, match=f"ends at row {there}, the ledger goes on"):
            ledger.newer(export)


def test_an_export_that_was_taken_over_has_nothing_newer() -> None:
    ledger, export = chain(3), rows(chain(3))
    ledger.append("restore", {"erasure": "e", "records": []})
    assert ledger.newer(export) == []
    ledger.append("audit", {})
    assert ledger.newer(export) == []
    with pytest.raises(IntegrityError, match="ends at row 2, the ledger goes on"):
        ledger.newer(export[:2])


def test_the_row_that_would_come_next() -> None:
    ledger = chain(2)
    row = ledger.row_after(None, "audit", {"a": 1}, TIME)
    after = ledger.row_after(row.head, "audit", {"a": 2}, TIME)
    assert len(rows(ledger)) == 2
    assert [ledger.append("audit", {"a": n}, TIME) for n in (1, 2)] == [row, after]
    with pytest.raises(UsageError, match="no event"):
        ledger.row_after(row.head, "party", {})


def test_an_export_that_does_not_go_on_from_here() -> None:
    ledger, other, stranger = chain(1), chain(1), chain(3, "other")
    ledger.append("audit", {"at": "here"}, TIME)
    other.append("audit", {"at": "there"}, TIME)
    other.append("audit", {}, TIME)
    before = list(rows(ledger))
    for export, message in (
        (rows(other), "row 2 is another one"),
        (rows(stranger), "another model"),
        (rows(other)[1:], "row 1 of the ledger is missing"),
        ([*before, rehashed(before[1])], "row 3 of the ledger is missing"),
        ([*before, rows(other)[2]], "row 3 of the ledger does not link"),
        ([*before, rehashed(before[1], seq=3, event="party", previous=before[1].hash)], "unknown event"),
    ):
        with pytest.raises(IntegrityError, match=message):
            ledger.newer(export)


# erased records


def test_what_was_erased() -> None:
    ledger = chain(1)
    ledger.append("forget", {"erasure": "e1", "records": [{"id": "r1", "more": 1}, {"id": "r2"}]})
    ledger.append("learn", {"erasure": "e0", "records": [{"id": "r0"}]})
    ledger.append("forget", {"erasure": "e2"})
    ledger.append("forget", {"records": [{"id": "r0"}]})
    ledger.append("restore", {"erasure": "e3", "records": [{"id": "r3"}, {"id": "r1"}]})
    ledger.append("restore", {"erasure": "e4", "records": []})
    assert ledger.erased() == {"r1": "e1", "r2": "e1", "r3": "e3"}


@pytest.mark.parametrize(
    "data",
    [
        {"erasure": None, "records": [{"id": "r1"}]},
        {"erasure": "e1", "records": None},
        {"erasure": "e1", "records": {"id": "r1"}},
        {"erasure": "e1", "records": ["r1"]},
        {"erasure": "e1", "records": [{"id": "r1"}, {"id": 2}]},
        {"erasure": "e1", "records": [{}]},
    ],
)
def test_an_erasure_that_cannot_be_read_is_not_passed_over(data: dict[str, Any]) -> None:
    ledger = chain(1)
    ledger.append("forget", data)
    with pytest.raises(IntegrityError, match="row 2 of the ledger does not list what it erased"):
        ledger.erased()
