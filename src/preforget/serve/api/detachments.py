"""`/api/v1/detachments`: leave a class out of all answers for a while."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from preforget.classifier import PreForgettableClassifier
from preforget.classifier.labels import ordered
from preforget.classifier.turns import reads
from preforget.serve.api.common import PROBLEMS, Operator, TheModel, Viewer, leave
from preforget.serve.api.forgettings import Name
from preforget.serve.membership import Standing

router = APIRouter(tags=["detaching"], responses=PROBLEMS)


class Change(BaseModel):
    """A class to leave out (`detached`), or to take back."""

    model_config = ConfigDict(extra="forbid")

    label: Name
    detached: bool = True


class Detachments(BaseModel):
    """The classes that are left out at an epoch."""

    epoch: int
    detached: list[str]


@router.get("/detachments", response_model=Detachments)
async def detachments(model: TheModel, caller: Viewer) -> Response:
    """List the classes that are left out."""
    return await leave(model, lambda: detached_of(model.classifier))


@router.post("/detachments", response_model=Detachments)
async def change(model: TheModel, caller: Operator, change: Change) -> Response:
    """Leave a class out of all answers, or take it back; nothing is destroyed."""

    def carry_out() -> None:
        model.classifier.refresh()
        (model.classifier.detach if change.detached else model.classifier.attach)(change.label)

    await model.change(carry_out)
    return await leave(model, lambda: detached_of(model.classifier))


@reads
def detached_of(model: PreForgettableClassifier) -> tuple[Standing, dict[str, Any]]:
    """Return the classes that are left out, and the standing that this is true of."""
    assert model.folder is not None
    standing, bank = Standing.of(model.folder.manifest), model.engine_.bank
    detached = [label for label in bank.labels if bank.is_detached(label)]
    return standing, {"epoch": standing.epoch, "detached": ordered(detached, model._label_kind)}
