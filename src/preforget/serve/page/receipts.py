"""Forget, third step: how far a request is, and its receipt, to be read, kept and checked."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import APIRouter, Path
from fastapi.responses import Response

from preforget.core.errors import IntegrityError
from preforget.erasure.receipt import Receipt, read_receipt
from preforget.erasure.receipt_page import page as receipt_page
from preforget.erasure.verify_page import verifier, verify_page
from preforget.serve.forgettings import receipt_bytes
from preforget.serve.journal import DONE
from preforget.serve.models import ServedModel
from preforget.serve.page.rendering import answer, redirect
from preforget.serve.page.visits import PageModel, PageService, TheVisit, require
from preforget.serve.problems import Problem
from preforget.serve.tokens import Right

router = APIRouter(include_in_schema=False)
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
MOST_SHOWN = 200
"""Rows of the list of receipts."""


@router.get("/models/{model}/receipts")
async def listed(model: PageModel, service: PageService, visit: TheVisit) -> Response:
    """List receipts, the newest first, and requests that are under way or have failed."""
    require(visit, Right.SEE)
    entries = [e for e in service.forgettings[model.name].journal.entries.values() if e.status != DONE]
    rows = await model.call(_erasures, model)
    return answer(
        "receipts.html",
        visit,
        model.name,
        open=sorted(entries, key=lambda entry: entry.asked, reverse=True),
        rows=rows[:MOST_SHOWN],
        more=max(0, len(rows) - MOST_SHOWN),
    )


@router.get("/models/{model}/forgettings/{id}")
async def progress(model: PageModel, service: PageService, visit: TheVisit, id: Id) -> Response:
    """Say how far a request is; once it is done, go to the receipt."""
    require(visit, Right.SEE)
    entry = service.forgettings[model.name].entry(id)
    if entry.status == DONE and entry.erasure is not None:
        return redirect(f"/models/{model.name}/receipts/{entry.erasure}", visit.headers)
    return answer("progress.html", visit, model.name, entry=entry)


@router.get("/models/{model}/receipts/{id}")
async def receipt(model: PageModel, visit: TheVisit, id: Id) -> Response:
    """Show a receipt in plain words."""
    require(visit, Right.SEE)
    read, key_id, pem = await model.call(_read, model, id)
    failed = [check for check in read.checks if not check["passed"]]
    size = sum(record["bytes"] for record in read.records)
    return answer(
        "receipt.html", visit, model.name, receipt=read, key_id=key_id, pem=pem, failed=failed, size=size
    )


@router.get("/models/{model}/receipts/{id}/receipt.json")
async def signed(model: PageModel, visit: TheVisit, id: Id) -> Response:
    """Return the signed file, to the byte."""
    require(visit, Right.SEE)
    content = await model.call(receipt_bytes, model.path, id)
    return Response(content, media_type="application/json", headers=_download(f"receipt-{id[:8]}.json"))


@router.get("/models/{model}/receipts/{id}/receipt.html")
async def as_page(model: PageModel, visit: TheVisit, id: Id) -> Response:
    """Return the receipt as a page of its own, with its verifier."""
    require(visit, Right.SEE)
    read, key_id, _ = await model.call(_read, model, id)
    text = receipt_page(read, key_id, checked=True)
    return Response(text, media_type="text/html", headers=_download(f"receipt-{id[:8]}.html"))


@router.get("/models/{model}/key.pem")
async def key(model: PageModel, visit: TheVisit) -> Response:
    """Return the public key that signs now."""
    require(visit, Right.SEE)
    pems = await model.call(_pems, model)
    return Response(
        [*pems.values()][-1], media_type="application/x-pem-file", headers=_download("preforget-key.pem")
    )


@router.get("/verify")
async def verify() -> Response:
    """Return the page that checks receipts in the browser; it sends nothing anywhere."""
    policy = (
        f"default-src 'none'; script-src {verifier().script_source}; style-src 'unsafe-inline'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    return Response(_verify_page(), media_type="text/html", headers={"content-security-policy": policy})


@cache
def _verify_page() -> str:
    return verify_page()


def _download(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"'}


def _erasures(model: ServedModel) -> list[dict[str, Any]]:
    """Return what the ledger says of erasures, the newest first."""
    folder = model.classifier.folder
    assert folder is not None
    rows = [entry for entry in folder.ledger.entries() if entry.event == "forget"]
    return [
        {"erasure": str(row.data["erasure"]), "time": row.time, "records": len(row.data["records"])}
        for row in reversed(rows)
    ]


def _read(model: ServedModel, erasure: str) -> tuple[Receipt, str, str]:
    """Return a receipt whose signature holds, the id of the key, and the key; raises `Problem`."""
    content, folder = receipt_bytes(model.path, erasure), model.classifier.folder
    assert folder is not None
    known = folder.keyring.signing.known()
    try:
        read, key_id = read_receipt(content, known)
    except IntegrityError:
        raise Problem(
            409,
            "the signature of this receipt does not hold, so nothing of it is shown; the operator must look at it",
        ) from None
    return read, key_id, _pem(known[key_id])


def _pems(model: ServedModel) -> dict[str, str]:
    folder = model.classifier.folder
    assert folder is not None
    return {identity: _pem(public) for identity, public in folder.keyring.signing.known().items()}


def _pem(public: Any) -> str:
    return str(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())
