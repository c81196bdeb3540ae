"""`/api/v1/forgettings`: ask for a class or a person to be forgotten, see how far that is, get the receipt."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from preforget.erasure.receipt import read_receipt
from preforget.erasure.receipt_page import page
from preforget.erasure.verify_page import verifier
from preforget.serve.api.common import PROBLEMS, Officer, TheModel, TheService, Viewer
from preforget.serve.journal import Forgetting
from preforget.serve.problems import Problem
from preforget.serve.security import STANDALONE

router = APIRouter(tags=["forgetting"], responses=PROBLEMS)

Name = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Names = Name | Annotated[list[Name], Field(min_length=1, max_length=1000)]
Line = Annotated[str, StringConstraints(max_length=500)]
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="Of a request to forget")]


class Request(BaseModel):
    """Whom to forget: a class, or a person in all classes; several are one erasure with one receipt."""

    model_config = ConfigDict(extra="forbid")

    label: Names | None = None
    subject: Names | None = None
    reason: Line | None = Field(None, description="Such as a request's number; it stays in the receipt")
    grounds: Line | None = Field(None, description="Legal grounds; they stay in the receipt")

    @model_validator(mode="after")
    def _one_kind(self) -> Request:
        if (self.label is None) == (self.subject is None):
            raise ValueError("give a label or a subject")
        return self


class Accepted(BaseModel):
    """A request that was kept, durably; it will be carried out whatever happens to the service."""

    id: str
    status: Literal["pending", "done", "failed"]


class Outcome(BaseModel):
    """How far a request is; no name.

    `erasure`: the id of the receipt; `epoch`: no answer of this epoch or a later one names what was forgotten.
    """

    id: str
    status: Literal["pending", "done", "failed"]
    asked: str
    ended: str | None
    reason: str | None
    erasure: str | None
    epoch: int | None
    detail: str | None


def outcome(entry: Forgetting) -> Outcome:
    """Return what may be told of a request."""
    return Outcome(
        id=entry.id,
        status=entry.status,  # type: ignore[arg-type]
        asked=entry.asked,
        ended=entry.ended,
        reason=entry.reason,
        erasure=entry.erasure,
        epoch=entry.epoch,
        detail=entry.detail,
    )


@router.post("/forgettings", status_code=202)
async def forget(
    service: TheService,
    model: TheModel,
    caller: Officer,
    request: Request,
    response: Response,
    idempotency_key: Annotated[
        str | None, Header(min_length=8, max_length=200, pattern="^[!-~]+$", description="A random text")
    ] = None,
) -> Accepted:
    """Forget a class or a person; asked again with the same key, it is the same request."""
    if not model.membership.may_forget(caller):
        raise Problem(403, f"the role {caller.role} may not forget")
    labels, subjects = (
        [name] if isinstance(name, str) else name or [] for name in (request.label, request.subject)
    )
    entry = await service.forgettings[model.name].ask(
        labels, subjects, request.reason, request.grounds, caller.id, idempotency_key
    )
    response.headers["Location"] = f"/api/v1/forgettings/{entry.id}"
    return Accepted(id=entry.id, status=entry.status)  # type: ignore[arg-type]


@router.get("/forgettings")
async def requests(service: TheService, model: TheModel, caller: Viewer) -> list[Outcome]:
    """List all requests to forget, the newest first."""
    entries = service.forgettings[model.name].journal.entries.values()
    return [outcome(entry) for entry in sorted(entries, key=lambda e: e.asked, reverse=True)]


@router.get("/forgettings/{id}")
async def request(service: TheService, model: TheModel, caller: Viewer, id: Id) -> Outcome:
    """Say how far a request is."""
    return outcome(service.forgettings[model.name].entry(id))


@router.get(
    "/forgettings/{id}/receipt",
    response_class=Response,
    responses={200: {"content": {"application/vnd.in-toto+json": {}}, "description": "The signed receipt"}},
)
async def receipt(service: TheService, model: TheModel, caller: Viewer, id: Id) -> Response:
    """Return the signed receipt, to the byte as it lies in the model's folder."""
    forgettings = service.forgettings[model.name]
    content = await model.call(forgettings.receipt, forgettings.entry(id))
    return Response(content, media_type="application/vnd.in-toto+json")


@router.get(
    "/forgettings/{id}/receipt.html",
    response_class=Response,
    responses={200: {"content": {"text/html": {}}, "description": "The receipt as a page"}},
)
async def receipt_page(service: TheService, model: TheModel, caller: Viewer, id: Id) -> Response:
    """Return the receipt as a page, which checks receipts without a network."""
    forgettings = service.forgettings[model.name]

    def render() -> str:
        content = forgettings.receipt(forgettings.entry(id))
        folder = model.classifier.folder
        assert folder is not None
        return page(*read_receipt(content, folder.keyring.signing.known()), checked=True)

    policy = STANDALONE.format(f"script-src {verifier().script_source}")
    return Response(
        await model.call(render), media_type="text/html", headers={"content-security-policy": policy}
    )
