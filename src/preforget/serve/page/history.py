"""The ledger as a timeline: what happened to a model, without a name."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from preforget.core.errors import IntegrityError
from preforget.serve.models import ServedModel
from preforget.serve.page.rendering import answer
from preforget.serve.page.visits import PageModel, TheVisit, require
from preforget.serve.page.wording import counted
from preforget.serve.tokens import Right
from preforget.store.ledger import Entry

router = APIRouter(include_in_schema=False)
PART = 50
"""Rows of one screen."""
TITLES = {
    "learn": "Learned",
    "add": "A class was added",
    "more": "Learned more of a class",
    "derive": "Derived records anew",
    "detach": "Classes left out of answers",
    "attach": "Classes taken back into answers",
    "audit": "Audited",
    "export": "Exported",
    "seal": "Sealed",
    "copy": "List of copies changed",
    "keep": "Share of answers set anew",
    "upgrade": "Upgraded to a newer form",
    "repack": "Files packed anew",
    "rename": "A class was renamed",
    "merge": "Classes were merged",
    "forget": "Forgotten",
    "erased": "Erasure checked",
    "restore": "Restored from a copy",
    "undone": "A change that was cut off was undone",
}


@router.get("/models/{model}/ledger")
async def timeline(
    model: PageModel,
    visit: TheVisit,
    before: Annotated[int | None, Query(ge=1, le=10**15)] = None,
    check: bool = False,
) -> Response:
    """Show the newest rows, or those before one."""
    require(visit, Right.SEE)
    rows, head, checked = await model.call(_read, model, before, check)
    days = [(day, [*of_day]) for day, of_day in groupby(rows[:PART], key=lambda row: row["day"])]
    older = rows[PART - 1]["seq"] if len(rows) > PART else None
    return answer("ledger.html", visit, model.name, days=days, older=older, head=head, checked=checked)


def _read(
    model: ServedModel, before: int | None, check: bool
) -> tuple[list[dict[str, Any]], str, bool | None]:
    """Return rows as they are shown, the newest first and one more than fit, the head, and whether the chain holds."""
    folder = model.classifier.folder
    assert folder is not None
    ledger, checked = folder.ledger, None
    if check:
        try:
            ledger.verify()
            checked = True
        except IntegrityError:
            checked = False
    head = ledger.head()
    last = head.seq if before is None else before - 1
    entries = [entry for entry in ledger.entries(max(0, last - PART - 1)) if entry.seq <= last]
    return [shown(entry) for entry in reversed(entries)], str(head), checked


def shown(entry: Entry) -> dict[str, Any]:
    """Return a row as it is shown."""
    return {
        "seq": entry.seq,
        "day": entry.time[:10],
        "time": entry.time,
        "event": entry.event,
        "title": TITLES.get(entry.event, entry.event),
        "detail": detail(entry.event, entry.data),
        "hash": entry.hash,
        "erasure": str(entry.data.get("erasure", "")) if entry.event == "forget" else "",
    }


def detail(event: str, data: Mapping[str, Any]) -> str:
    """Return what a row says beside its event, in few words."""
    records = data.get("records")
    if event == "audit":
        passed = {True: "passed", False: "failed"}.get(data.get("passed"), "no threshold")  # type: ignore[arg-type]
        return f"{data.get('kind')}: {passed}"
    if event == "keep":
        return f"{float(data.get('keep', 0)):g} of known inputs are to be answered"
    if event == "copy":
        return "a copy was entered" if data.get("known") else "a copy was taken off"
    if event == "upgrade":
        return f"from form {data.get('from')} to {data.get('to')}"
    return counted(len(records), "record") if isinstance(records, list) and records else ""
