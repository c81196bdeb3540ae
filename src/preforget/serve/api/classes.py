"""`/api/v1/models` and `/api/v1/classes`: what there is to ask, and what it knows."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel

from preforget.classifier import PreForgettableClassifier
from preforget.classifier.labels import ordered
from preforget.classifier.turns import reads
from preforget.serve.api.common import PROBLEMS, TheModel, TheService, Viewer, leave
from preforget.serve.membership import Standing

router = APIRouter(tags=["models"], responses=PROBLEMS)


class Model(BaseModel):
    """One model of the service."""

    name: str
    kind: str
    engine: str
    guarantee: str
    forgets_subjects: bool
    epoch: int


class Class(BaseModel):
    """One class that a model knows; a detached one is in no answer."""

    label: str
    detached: bool


class Classes(BaseModel):
    """What a model knows at an epoch."""

    epoch: int
    classes: list[Class]
    subjects: int


@router.get("/models")
async def models(service: TheService, caller: Viewer) -> list[Model]:
    """List the models of this service."""
    return [
        Model(
            name=model.name,
            kind=model.kind,
            engine=model.classifier.engine_.name,
            guarantee=model.classifier.engine_.guarantee.value,
            forgets_subjects=model.classifier.engine_.knows_subjects,
            epoch=model.standing().epoch,
        )
        for model in service.models.values()
    ]


@router.get("/classes", response_model=Classes)
async def classes(model: TheModel, caller: Viewer) -> Response:
    """List the classes that a model knows, and count the persons."""
    return await leave(model, lambda: classes_of(model.classifier))


@reads
def classes_of(model: PreForgettableClassifier) -> tuple[Standing, dict[str, Any]]:
    """Return the classes of a model, and the standing that this is true of."""
    assert model.folder is not None
    standing, bank = Standing.of(model.folder.manifest), model.engine_.bank
    listed = [
        {"label": label, "detached": bank.is_detached(label)}
        for label in ordered(bank.labels, model._label_kind)
    ]
    return standing, {"epoch": standing.epoch, "classes": listed, "subjects": len(bank.subjects)}
