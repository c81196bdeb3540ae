from __future__ import annotations

from collections.abc import Callable

import pytest

from preforget.serve.page import history
from preforget.serve.page.history import TITLES, detail
from preforget.store.ledger import EVENTS

from .conftest import Visitor


def test_every_event_has_a_title() -> None:
    assert set(TITLES) == set(EVENTS)


def test_what_a_row_says_beside_its_event() -> None:
    assert detail("forget", {"records": [1, 2]}) == "2 records"
    assert detail("audit", {"kind": "attacks-quick", "passed": False}) == "attacks-quick: failed"
    assert detail("keep", {"keep": "0.9"}) == "0.9 of known inputs are to be answered"
    assert detail("copy", {"known": True}) == "a copy was entered"
    assert detail("upgrade", {"from": "1", "to": "2"}) == "from form 1 to 2"
    assert detail("seal", {}) == ""


def test_the_newest_rows_stand_first_in_parts(
    serving: Callable[..., Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = serving(open_reading=True)
    visitor.model.detach("Ada")
    visitor.model.attach("Ada")
    visitor.model.forget("Grace")
    folder = visitor.model.folder
    assert folder is not None
    rows = [*folder.ledger.entries()]
    page = visitor.get("/models/people/ledger").text
    places = [page.index(f"row {row.seq} ·") for row in rows]
    assert places == sorted(places, reverse=True)
    assert str(folder.ledger.head()) in page
    assert f"/models/people/receipts/{rows[-2].data['erasure']}" in page
    assert "Grace" not in page
    monkeypatch.setattr(history, "PART", 2)
    page = visitor.get("/models/people/ledger").text
    assert f"before={rows[-2].seq}" in page
    older = visitor.get(f"/models/people/ledger?before={rows[-2].seq}").text
    assert f"row {rows[-3].seq} ·" in older
    assert f"row {rows[-2].seq} ·" not in older
    assert "No rows" in visitor.get("/models/people/ledger?before=1").text
    assert "The whole chain holds." in visitor.get("/models/people/ledger?check=true").text
