"""Start an audit: choose the classes that a copy of the model forgets for it."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import Response

from preforget.serve.membership import Standing
from preforget.serve.models import ServedModel
from preforget.serve.page.knowledge import knowledge_of
from preforget.serve.page.rendering import leaving
from preforget.serve.page.visits import Visit

SUITES = ("quick", "standard", "full")
MOST_SHOWN = 200
"""Classes that are shown; of a model with more, the first ones."""


async def shown(request: Request, model: ServedModel, visit: Visit, wrong: str | None = None) -> Response:
    """Return the form."""

    async def read() -> tuple[Standing, dict[str, Any]]:
        standing, knowledge = await model.call(knowledge_of, model.classifier)
        names = [known.label for known in knowledge.classes][:MOST_SHOWN]
        return standing, {"names": names, "suites": SUITES, "wrong": wrong}

    return await leaving(request, visit, model, "audit.html", read, 422 if wrong else 200)
