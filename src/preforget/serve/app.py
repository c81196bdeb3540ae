"""The application: routes of all interfaces around one service."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from preforget.core.errors import PreforgetError
from preforget.core.version import __version__
from preforget.serve import logs, metrics_route, oip_routes
from preforget.serve.api import ROUTERS
from preforget.serve.limits import Rates
from preforget.serve.page.adding import add_page
from preforget.serve.page.refusing import is_for_people
from preforget.serve.page.rendering import complain
from preforget.serve.problems import MEDIA_TYPE, Problem, problem_of
from preforget.serve.security import HEADERS, Guard
from preforget.serve.service import Service

logger = logging.getLogger("preforget.serve")


def make_app(service: Service, *, tls: bool = False) -> FastAPI:
    """Return the application; it starts and stops the service with its own lifespan."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    app = FastAPI(
        title="preforget",
        summary="Answers, and forgets",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    settings = service.settings
    app.state.service = service
    app.state.rates = None if settings.rate is None else Rates(settings.rate, settings.burst)
    app.include_router(oip_routes.router)
    for router in ROUTERS:
        app.include_router(router, prefix="/api/v1")
    app.include_router(metrics_route.router)
    add_page(app)
    _add_errors(app)

    def saw(scope: MutableMapping[str, Any], code: int, seconds: float) -> None:
        service.metrics.latency.labels(logs.route_of(scope), logs.method_of(scope), str(code)).observe(
            seconds
        )
        logs.note(scope, code, seconds)
        if service.tracing is not None:
            service.tracing.saw_request(scope, code, seconds)

    app.add_middleware(Guard, settings=settings, tls=tls, saw=saw)
    return app


def _add_errors(app: FastAPI) -> None:
    """Let every error be told in the way of the interface that was asked, without a name and without a traceback."""

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> Response:
        return told(request, error)

    @app.exception_handler(PreforgetError)
    async def failed(request: Request, error: PreforgetError) -> Response:
        return told(request, problem_of(error))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        return told(request, Problem(error.status_code, str(error.detail), dict(error.headers or {})))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        where = {".".join(map(str, each["loc"][1:])) or "the body" for each in error.errors()}
        known = sorted(name for name in where if name.isascii() and len(name) < 100)[:5]
        return told(request, Problem(422, f"the request isn't as described; see: {', '.join(known)}"))

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> Response:
        # the kind and the place alone: the message of an error can hold what a request did
        logger.error("%s in %s", type(error).__name__, _place(error))
        return told(request, Problem(500, "this is a fault of the service; its log says where", HEADERS))


def told(request: Request, problem: Problem) -> Response:
    """Return a problem in the way of the interface that was asked."""
    if request.url.path.startswith("/v2"):
        return oip_routes.complain(problem)
    if is_for_people(request.url.path):
        return complain(request, problem)
    return JSONResponse(problem.as_dict(), problem.status, problem.headers, MEDIA_TYPE)


def _place(error: BaseException) -> str:
    trace: Any = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "?" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
