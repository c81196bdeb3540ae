"""What goes wrong, as problem details (RFC 9457): a title per kind, and a detail that names no class and no person."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from preforget.core.errors import (
    DataError,
    MissingError,
    PreforgetError,
    StoreError,
    UnknownLabelError,
    UsageError,
)

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):  # noqa: N818 - the name that RFC 9457 gives it
    """A request that can't be answered: an HTTP status, a sentence that names nobody, and headers."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}

    @property
    def title(self) -> str:
        """The name of the status."""
        return HTTPStatus(self.status).phrase

    def as_dict(self) -> dict[str, Any]:
        """Return the members of RFC 9457."""
        return {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail}

    def body(self) -> bytes:
        """Return the JSON of the problem."""
        return json.dumps(self.as_dict()).encode()


NO_NAME = "the model has no class or subject of that name: never learned, or forgotten already"


def problem_of(error: PreforgetError) -> Problem:
    """Return the problem that an error is to who asked; texts of errors that can hold a name stay here."""
    if isinstance(error, UnknownLabelError):
        return Problem(422, NO_NAME)
    if isinstance(error, DataError):
        return Problem(422, "the inputs can't be used: " + str(error))
    if isinstance(error, UsageError):
        return Problem(422, "a value can't be used; see the description of the interface")
    if isinstance(error, MissingError):
        return Problem(503, "the model is not where it was; the operator must look after it")
    if isinstance(error, StoreError):
        return Problem(503, "the model's folder can't be read or written; the operator must look after it")
    return Problem(503, "the model can't answer now; the operator must look after it")
