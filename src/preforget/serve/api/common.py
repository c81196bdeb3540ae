"""What the routes of `/api/v1` share: the model that is asked, problems in the description, answers that leave."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from preforget.serve.access import needs, service_of
from preforget.serve.leaving import Leaving, Made
from preforget.serve.membership import Standing
from preforget.serve.models import ServedModel
from preforget.serve.problems import MEDIA_TYPE, Problem
from preforget.serve.service import Service
from preforget.serve.tokens import Caller, Right


class ProblemDetails(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


_CONTENT: dict[str, Any] = {"content": {MEDIA_TYPE: {}}, "model": ProblemDetails}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The request is malformed", **_CONTENT},
    401: {"description": "A token is needed", **_CONTENT},
    403: {"description": "The caller's role may not do this", **_CONTENT},
    404: {"description": "There is no such thing", **_CONTENT},
    408: {"description": "The request didn't arrive in time", **_CONTENT},
    409: {"description": "The state doesn't allow it", **_CONTENT},
    413: {"description": "The request is too large", **_CONTENT},
    415: {"description": "The request's media type isn't read", **_CONTENT},
    421: {"description": "The service isn't called by that name", **_CONTENT},
    422: {"description": "A value can't be used", **_CONTENT},
    429: {"description": "Too many requests", **_CONTENT},
    503: {"description": "The model can't answer now", **_CONTENT},
    507: {"description": "The disk is full", **_CONTENT},
}


def the_service(request: Request) -> Service:
    """Return the service."""
    return service_of(request)


def the_model(
    request: Request,
    model: Annotated[
        str | None, Query(description="Name of the model; needed where there are several", max_length=100)
    ] = None,
) -> ServedModel:
    """Return the model that a request is about."""
    return service_of(request).model(model)


TheService = Annotated[Service, Depends(the_service)]
TheModel = Annotated[ServedModel, Depends(the_model)]
Viewer = Annotated[Caller, Depends(needs(Right.SEE))]
Predictor = Annotated[Caller, Depends(needs(Right.ANSWER))]
Operator = Annotated[Caller, Depends(needs(Right.OPERATE))]
Officer = Annotated[Caller, Depends(needs(Right.FORGET))]


def complain(problem: Problem) -> Response:
    """Return a problem."""
    return JSONResponse(problem.as_dict(), problem.status, problem.headers, MEDIA_TYPE)


async def leave(model: ServedModel, read: Callable[[], tuple[Standing, Any]]) -> Response:
    """Return what a function reads of a model, as JSON that leaves only if it is still true."""

    async def make() -> Made:
        standing, values = await model.call(read)
        return Made(standing, json.dumps(values).encode())

    return await Leaving.of(model, make, complain)
