"""Try an input: the answer or that the model abstains, and what decided it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import Response

from preforget.core.errors import DataError
from preforget.data.inputs import TEXTS, VECTORS
from preforget.serve.inputs import Batchable, of_array, of_files
from preforget.serve.limits import within_rate
from preforget.serve.membership import Standing
from preforget.serve.models import ServedModel
from preforget.serve.page.rendering import answer, leaving
from preforget.serve.page.scale import scale_of
from preforget.serve.page.showing import Shown, shown_back
from preforget.serve.page.visits import PageModel, PageService, ThePosted, TheVisit, Visit, require
from preforget.serve.problems import Problem, problem_of
from preforget.serve.settings import Settings
from preforget.serve.tokens import Right

router = APIRouter(include_in_schema=False)
MOST_CLASSES = 8
"""Classes that are shown at once; the others fold out."""
ACCEPTED = {"images": "image/*", "sounds": "audio/*", TEXTS: "text/plain", VECTORS: ".csv,.json,text/csv"}
NOTHING = {
    "images": "Choose a picture first.",
    "sounds": "Choose a sound first.",
    TEXTS: "Type a text or choose a file first.",
    VECTORS: "Give one row of numbers first.",
}


@router.get("/models/{model}/try")
async def form(service: PageService, model: PageModel, visit: TheVisit) -> Response:
    """Show the form."""
    require(visit, Right.ANSWER)
    return answer("try.html", visit, model.name, **_form(service.settings.most_body, model))


@router.post("/models/{model}/try")
async def answered(request: Request, service: PageService, model: PageModel, posted: ThePosted) -> Response:
    """Answer an input; nothing of it is kept."""
    visit, settings = posted.visit, service.settings
    require(visit, Right.ANSWER)
    within_rate(request, visit.caller)
    content = await posted.file("file") or posted.text("text").strip().encode()
    values = _form(settings.most_body, model)
    if not content:
        return _wrong(visit, model, values, NOTHING.get(model.kind, "Choose a file first."))
    try:
        inputs = await model.call(_inputs, model.kind, content, settings)
    except DataError as error:
        return _wrong(visit, model, values, problem_of(error).detail)
    except Problem as problem:
        return _wrong(visit, model, values, problem.detail, problem.status)
    shown: Shown = await model.call(shown_back, model.kind, content)

    async def read() -> tuple[Standing, dict[str, Any]]:
        try:
            standing, answers = await model.answer(inputs)
        except DataError as error:
            wrong = {"wrong": problem_of(error).detail, "status": 422}
            return await model.call(model.standing), {**values, **wrong}
        row = service.telling.rows(answers)[0]
        classes = row.get("classes") or []
        scale = None
        if classes and "confidence" in row:
            scale = scale_of(row["confidence"], row["threshold"])
        return standing, {
            **values,
            "row": row,
            "first": classes[:MOST_CLASSES],
            "rest": classes[MOST_CLASSES:],
            "scale": scale,
            "shown": shown,
            "epoch": standing.epoch,
        }

    return await leaving(request, visit, model, "try.html", read)


def _form(most_body: int, model: ServedModel) -> dict[str, Any]:
    return {
        "kind": model.kind,
        "accept": ACCEPTED.get(model.kind, ""),
        "most": most_body,
        "row": None,
        "shown": None,
        "wrong": None,
    }


def _wrong(
    visit: Visit, model: ServedModel, values: dict[str, Any], detail: str, status: int = 422
) -> Response:
    return answer("try.html", visit, model.name, status, **{**values, "wrong": detail})


def _inputs(kind: str, content: bytes, settings: Settings) -> Batchable:
    if kind != VECTORS:
        return of_files(kind, [content], settings)
    return of_array(kind, numbers(content))


def numbers(content: bytes) -> Any:
    """Return one row of numbers, given as JSON or separated by commas, blanks or semicolons; raises `DataError`.

    >>> numbers(b"[1, 2.5]").tolist(), numbers(b"1; 2,5").tolist(), numbers(b"1, 2").tolist()
    ([[1.0, 2.5]], [[1.0, 2.5]], [[1.0, 2.0]])
    """
    text = content.decode("utf-8-sig", "replace").strip()
    try:
        if text.startswith("["):
            values = json.loads(text)
        elif ";" in text:
            values = [float(part.replace(",", ".")) for part in text.replace(";", " ").split()]
        else:
            values = [float(part) for part in text.replace(",", " ").split()]
        row = np.asarray(values, dtype=np.float32)
    except (ValueError, TypeError, RecursionError, OverflowError):
        raise DataError("this is no row of numbers; write them with commas between, or as JSON") from None
    if row.ndim == 2 and len(row) == 1:
        row = row[0]
    if row.ndim != 1 or not len(row):
        raise DataError("give one row of numbers")
    return row[None]
