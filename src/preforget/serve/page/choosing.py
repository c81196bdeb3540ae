"""Forget, first step: choose classes or persons. Names are sent in bodies alone, never in an address."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from preforget.serve.membership import Standing
from preforget.serve.models import ServedModel
from preforget.serve.page.knowledge import knowledge_of
from preforget.serve.page.matching import matches
from preforget.serve.page.rendering import leaving, redirect
from preforget.serve.page.visits import PageModel, ThePosted, TheVisit, Visit, require
from preforget.serve.problems import Problem
from preforget.serve.tokens import Right

router = APIRouter(include_in_schema=False)
MOST_SHOWN = 60
"""Names that are shown at once; of more, those that are searched for."""
KINDS = ("classes", "persons")


@router.get("/models/{model}/forget")
async def begin(model: PageModel, visit: TheVisit) -> Response:
    """Begin with classes."""
    require(visit, Right.FORGET)
    return redirect(f"/models/{model.name}/forget/classes", visit.headers)


@router.get("/models/{model}/forget/{kind}")
async def choose(request: Request, model: PageModel, visit: TheVisit, kind: str) -> Response:
    """Show the names."""
    require(visit, Right.FORGET)
    if kind not in KINDS:
        return redirect(f"/models/{model.name}/forget/classes", visit.headers)
    return await shown(request, model, visit, kind)


@router.post("/models/{model}/forget/{kind}")
async def search(request: Request, model: PageModel, posted: ThePosted, kind: str) -> Response:
    """Show the names that are searched for, with those that are chosen already."""
    require(posted.visit, Right.FORGET)
    if kind not in KINDS:
        raise Problem(404, "there is no such page")
    fields = {name: posted.text(name) for name in ("reason", "grounds")}
    query, chosen = posted.text("query"), posted.texts("name")
    return await shown(request, model, posted.visit, kind, query, chosen, fields)


async def shown(
    request: Request,
    model: ServedModel,
    visit: Visit,
    kind: str,
    query: str = "",
    chosen: list[str] | None = None,
    fields: dict[str, str] | None = None,
    wrong: str | None = None,
) -> Response:
    """Return the screen; `wrong`: why the form was not accepted."""

    async def read() -> tuple[Standing, dict[str, Any]]:
        standing, knowledge = await model.call(knowledge_of, model.classifier)
        names = knowledge.subjects if kind == "persons" else [known.label for known in knowledge.classes]
        present = set(names)
        taken = [name for name in dict.fromkeys(chosen or []) if name in present]
        rest = [name for name in matches(names, query, str) if name not in set(taken)]
        return standing, {
            "kind": kind,
            "persons": knowledge.forgets_subjects and bool(knowledge.subjects),
            "total": len(names),
            "many": len(names) > MOST_SHOWN,
            "query": query,
            "chosen": taken,
            "rows": rest[:MOST_SHOWN],
            "more": max(0, len(rest) - MOST_SHOWN),
            "fields": fields or {"reason": "", "grounds": ""},
            "wrong": wrong,
        }

    return await leaving(request, visit, model, "forget.html", read, 422 if wrong else 200)
