"""`/api/v1/predict`: files in, an answer for each."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import Response
from pydantic import BaseModel

from preforget.serve.api.common import PROBLEMS, Predictor, TheModel, TheService, complain
from preforget.serve.inputs import of_files
from preforget.serve.leaving import Leaving, Made
from preforget.serve.limits import within_rate
from preforget.serve.problems import Problem

router = APIRouter(tags=["answers"], responses=PROBLEMS)


class Share(BaseModel):
    """How likely one class is, given that the input is of a class that the model knows."""

    label: str
    probability: float


class Answer(BaseModel):
    """The answer to one input: the labels, none where the model abstains, and what decided.

    `confidence` must reach `threshold`; `known` is how likely the input is of a known class at all.
    """

    labels: list[str]
    abstained: bool
    confidence: float | None = None
    threshold: float | None = None
    known: float | None = None
    classes: list[Share] | None = None


class Predictions(BaseModel):
    """The answers to all inputs, in their order, and the epoch that they were made with."""

    epoch: int
    answers: list[Answer]


@router.post("/predict", response_model=Predictions)
async def predict(
    request: Request,
    service: TheService,
    model: TheModel,
    caller: Predictor,
    files: Annotated[list[UploadFile], Form(description="Images, sounds or texts, one file each")],
    without: Annotated[list[str] | None, Form(description="Classes to leave out of this request")] = None,
) -> Response:
    """Answer files."""
    within_rate(request, caller)
    most = service.settings.most_inputs
    if not 1 <= len(files) <= most:
        raise Problem(413, f"a request has between 1 and {most} files; this one has {len(files)}")
    contents = [await file.read() for file in files]
    inputs = await model.call(of_files, model.kind, contents, service.settings)
    left_out = [name for name in without or [] if name.strip()]
    await model.check_known(left_out, caller)

    async def make() -> Made:
        standing, answers = await model.answer(inputs, left_out)
        told = {"epoch": standing.epoch, "answers": service.telling.rows(answers)}
        return Made(standing, json.dumps(told).encode())

    return await Leaving.of(model, make, complain)
