"""What there is to see first: the models, and what one of them knows; operators leave classes out of answers there."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from preforget.classifier import PreForgettableClassifier
from preforget.core.names import same_name
from preforget.serve.membership import Standing
from preforget.serve.models import ServedModel
from preforget.serve.page.knowledge import Known, knowledge_of
from preforget.serve.page.matching import matches
from preforget.serve.page.rendering import answer, leaving, redirect
from preforget.serve.page.visits import PageModel, PageService, Posted, ThePosted, TheVisit, Visit, require
from preforget.serve.problems import Problem
from preforget.serve.tokens import Right

router = APIRouter(include_in_schema=False)
MOST_SHOWN = 120
"""Classes that are shown at once; of more, those that are searched for."""


@router.get("/")
async def first(service: PageService, visit: TheVisit) -> Response:
    """Go where a visitor can do something."""
    if not visit.caller.rights:
        return redirect("/sign-in", visit.headers)
    names = [*service.models]
    if len(names) == 1:
        return redirect(home(visit, names[0]), visit.headers)
    rows = [
        {"name": name, "engine": model.classifier.engine_.name, "kind": model.kind, "home": home(visit, name)}
        for name, model in service.models.items()
    ]
    return answer("models.html", visit, rows=rows)


def home(visit: Visit, model: str) -> str:
    """Return the first screen of a model that a visitor may see."""
    return f"/models/{model}" if visit.may("see") else f"/models/{model}/try"


@router.get("/models/{model}")
async def overview(request: Request, model: PageModel, visit: TheVisit) -> Response:
    """Show what a model knows."""
    require(visit, Right.SEE)
    return await shown(request, model, visit, "")


@router.post("/models/{model}")
async def search(request: Request, model: PageModel, posted: ThePosted) -> Response:
    """Show the classes that are searched for; the text is in no address."""
    require(posted.visit, Right.SEE)
    return await shown(request, model, posted.visit, posted.text("query"))


async def shown(
    request: Request, model: ServedModel, visit: Visit, query: str, wrong: str | None = None
) -> Response:
    """Return the screen."""

    async def read() -> tuple[Standing, dict[str, Any]]:
        standing, knowledge = await model.call(knowledge_of, model.classifier)
        rows: list[Known] = matches(knowledge.classes, query, lambda known: known.label)
        return standing, {
            "knowledge": knowledge,
            "query": query,
            "rows": rows[:MOST_SHOWN],
            "more": max(0, len(rows) - MOST_SHOWN),
            "many": len(knowledge.classes) > MOST_SHOWN,
            "wrong": wrong,
        }

    return await leaving(request, visit, model, "overview.html", read, 422 if wrong else 200)


@router.post("/models/{model}/detach")
async def detach(request: Request, model: PageModel, posted: ThePosted) -> Response:
    """Leave classes out of all answers."""
    return await switch(request, model, posted, out=True)


@router.post("/models/{model}/attach")
async def attach(request: Request, model: PageModel, posted: ThePosted) -> Response:
    """Take classes back into the answers."""
    return await switch(request, model, posted, out=False)


async def switch(request: Request, model: ServedModel, posted: Posted, *, out: bool) -> Response:
    """Detach or attach the chosen classes, one after the other."""
    require(posted.visit, Right.OPERATE)
    labels = posted.texts("label")
    if not labels:
        return await shown(request, model, posted.visit, "", "Choose at least one class first.")
    await model.change(_switch, model.classifier, labels, out)
    return redirect(f"/models/{model.name}#classes")


def _switch(model: PreForgettableClassifier, labels: list[str], out: bool) -> None:
    model.refresh()
    for label in labels:
        name = same_name(label, model.engine_.bank.labels)
        if name is None:
            raise Problem(422, "the model has no class of that name any more")
        (model.detach if out else model.attach)(name)
