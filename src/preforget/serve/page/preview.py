"""Forget, second step: see what goes, and say that it shall go."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from preforget.classifier import PreForgettableClassifier
from preforget.classifier.turns import reads
from preforget.core.errors import UnknownLabelError, UsageError
from preforget.core.names import same_name
from preforget.erasure import plan_in_memory
from preforget.erasure.forewarnings import forewarnings
from preforget.erasure.request import Request as Reasons
from preforget.serve.forgettings import NAMED_IN_REASON
from preforget.serve.membership import Standing
from preforget.serve.models import ServedModel
from preforget.serve.page import choosing
from preforget.serve.page.rendering import leaving, redirect
from preforget.serve.page.visits import PageModel, PageService, Posted, ThePosted, TheVisit, require
from preforget.serve.problems import NO_NAME, Problem
from preforget.serve.tokens import Right

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Preview:
    """What would go, and what would be left; names are left out of the repr."""

    names: list[str] = field(repr=False)
    records: int
    records_before: int
    classes_before: int
    classes_after: int
    touched: int
    subjects_after: int
    inputs: int | None
    copies: list[dict[str, Any]]
    guarantee: str
    meaning: str
    not_claimed: list[str]
    warnings: list[str] = field(repr=False)
    sealed: bool
    epoch: int


@router.get("/models/{model}/preview")
async def again(model: PageModel, visit: TheVisit) -> Response:
    """Begin anew: what was chosen is in no address."""
    return redirect(f"/models/{model.name}/forget", visit.headers)


@router.post("/models/{model}/preview")
async def look(request: Request, model: PageModel, posted: ThePosted) -> Response:
    """Show what would go."""
    require(posted.visit, Right.FORGET)
    return await shown(request, model, posted, secrets.token_urlsafe(24))


@router.post("/models/{model}/forgettings")
async def forget(request: Request, model: PageModel, service: PageService, posted: ThePosted) -> Response:
    """Ask for what was shown to be forgotten, once, however often the form is sent."""
    visit = posted.visit
    require(visit, Right.FORGET)
    if not model.membership.may_forget(visit.caller):
        raise Problem(403, f"the role {visit.caller.role} may not forget")
    names, key = posted.texts("name"), posted.text("key")
    if not names or not 8 <= len(key) <= 200:
        raise Problem(422, "nothing was chosen; begin anew")
    if not is_confirmed(names, posted.text("typed")):
        return await shown(request, model, posted, key, f"This must read: {wanted(names)}")
    labels, subjects = ([], names) if posted.text("kind") == "persons" else (names, [])
    entry = await service.forgettings[model.name].ask(
        labels, subjects, posted.text("reason") or None, posted.text("grounds") or None, visit.caller.id, key
    )
    return redirect(f"/models/{model.name}/forgettings/{entry.id}")


def wanted(names: list[str]) -> str:
    """Return what must be typed.

    >>> wanted(["Ada"]), wanted(["Ada", "Kim"])
    ('Ada', 'forget 2')
    """
    return names[0] if len(names) == 1 else f"forget {len(names)}"


def is_confirmed(names: list[str], typed: str) -> bool:
    """Tell whether what was typed is what must be typed."""
    return same_name(typed.strip(), [wanted(names)]) is not None


async def shown(
    request: Request, model: ServedModel, posted: Posted, key: str, wrong: str | None = None
) -> Response:
    """Return the screen; `key`: tells a form that is sent twice from another request."""
    kind = "persons" if posted.text("kind") == "persons" else "classes"
    names = [*dict.fromkeys(posted.texts("name"))]
    fields = {name: posted.text(name).strip() for name in ("reason", "grounds")}
    if not names:
        what = "person" if kind == "persons" else "class"
        return await choosing.shown(
            request, model, posted.visit, kind, fields=fields, wrong=f"Choose at least one {what}."
        )
    try:
        await model.call(preview_of, model.classifier, kind, names, fields["reason"], fields["grounds"])
    except Problem as problem:
        return await choosing.shown(
            request, model, posted.visit, kind, "", names, fields, sentence(problem.detail)
        )

    async def read() -> tuple[Standing, dict[str, Any]]:
        standing, preview = await model.call(
            preview_of, model.classifier, kind, names, fields["reason"], fields["grounds"]
        )
        values = {"preview": preview, "kind": kind, "fields": fields, "key": key, "wrong": wrong}
        return standing, {**values, "wanted": wanted(preview.names)}

    return await leaving(request, posted.visit, model, "preview.html", read, 422 if wrong else 200)


@reads
def preview_of(
    model: PreForgettableClassifier, kind: str, names: list[str], reason: str, grounds: str
) -> tuple[Standing, Preview]:
    """Return what would go, and the standing that this is true of; raises `Problem`."""
    folder, engine = model.folder, model.engine_
    assert folder is not None
    labels, subjects = ([], names) if kind == "persons" else (names, [])
    try:
        planned = plan_in_memory(engine, label=labels, subject=subjects)
    except UnknownLabelError:
        raise Problem(422, NO_NAME) from None
    except UsageError:
        raise Problem(422, "this model can't forget single persons") from None
    try:
        Reasons(reason or None, grounds or None).check(planned.names)
    except UsageError:
        raise Problem(422, NAMED_IN_REASON) from None
    gone = {record.id for record in planned.records}
    records = engine.records()
    before = {record.label for record in records if record.label}
    after = {record.label for record in records if record.label and record.id not in gone}
    counts = [planned.engine.inputs_in(record) for record in planned.records if record.label]
    manifest = folder.manifest
    return Standing.of(manifest), Preview(
        names=[target.name for target in planned.targets],
        records=len(gone),
        records_before=len(folder.live),
        classes_before=len(before),
        classes_after=len(after),
        touched=len({record.label for record in planned.records if record.label}),
        subjects_after=len(
            {*engine.bank.subjects} - {t.name for t in planned.targets if t.what == "subject"}
        ),
        inputs=sum(count for count in counts if count) if any(counts) else None,
        copies=[
            {"kind": copy["kind"], "expires": copy["expires"], "delete": copy["delete"]}
            for copy in manifest.copies.values()
        ],
        guarantee=engine.guarantee.value,
        meaning=engine.signed_meaning(),
        not_claimed=list(planned.engine.not_claimed),
        warnings=[sentence(warning) for warning in forewarnings(planned, records)],
        sealed=bool(manifest.sealed),
        epoch=manifest.generation,
    )


def sentence(text: str) -> str:
    """Return a part of a message as a sentence.

    >>> sentence("as few as 2 inputs go")
    'As few as 2 inputs go.'
    """
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "…", "!", "?")) else ".")
