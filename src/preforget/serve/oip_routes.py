"""The Open Inference Protocol, version 2, for REST: health, metadata, and `infer` with JSON or binary tensors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from preforget.classifier.answering import Answers
from preforget.core.version import __version__
from preforget.data.inputs import TEXTS, VECTORS
from preforget.serve import oip
from preforget.serve.access import check, service_of
from preforget.serve.inputs import SOUNDS, Batchable, of_array, of_files
from preforget.serve.leaving import Leaving, Made
from preforget.serve.limits import within_rate
from preforget.serve.models import ServedModel
from preforget.serve.problems import Problem
from preforget.serve.service import Service
from preforget.serve.telling import Telling, as_line, labels_of
from preforget.serve.tokens import Right

VERSION = "1"
"""The only version of a model: what it answers with is said by the epoch."""

router = APIRouter(prefix="/v2", include_in_schema=False)
Handler = Callable[..., Awaitable[Response]]


def complain(problem: Problem) -> Response:
    """Return an error as the protocol has it."""
    return JSONResponse({"error": problem.detail}, problem.status, headers=problem.headers)


@router.get("/health/live")
async def live() -> Response:
    """Say that the process runs."""
    return JSONResponse({"live": True})


@router.get("/health/ready")
async def ready(request: Request) -> Response:
    """Say whether it answers."""
    service = service_of(request)
    is_ready = service.ready and not service.draining
    return JSONResponse({"ready": is_ready}, 200 if is_ready else 503)


@router.get("")
@router.get("/")
async def server() -> Response:
    """Describe the server."""
    return JSONResponse({"name": "preforget", "version": __version__, "extensions": [oip.BINARY]})


@router.get("/models/{name}/ready")
@router.get("/models/{name}/versions/{version}/ready")
async def model_ready(request: Request, name: str, version: str = VERSION) -> Response:
    """Say whether a model answers."""
    service = service_of(request)
    model = _model(service, name, version)
    is_ready = service.ready and not service.draining
    return JSONResponse({"name": model.name, "ready": is_ready}, 200 if is_ready else 503)


@router.get("/models/{name}")
@router.get("/models/{name}/versions/{version}")
async def model_metadata(request: Request, name: str, version: str = VERSION) -> Response:
    """Describe a model: what it takes and gives; names of classes come with answers."""
    service = service_of(request)
    model = _model(service, name, version)
    return JSONResponse(
        {
            "name": model.name,
            "versions": [VERSION],
            "platform": "preforget",
            "inputs": _inputs_of(model),
            "outputs": _outputs_of(service.telling, several=model.classifier.engine_.multilabel),
        }
    )


@router.post("/models/{name}/infer")
@router.post("/models/{name}/versions/{version}/infer")
async def infer(request: Request, name: str, version: str = VERSION) -> Response:
    """Answer tensors."""
    service = service_of(request)
    model = _model(service, name, version)
    caller = check(request, Right.ANSWER)
    within_rate(request, caller)
    parsed = oip.parse(await request.body(), request.headers.get(oip.LENGTH))
    inputs = await model.call(_read, service, model, parsed)
    without = _without(parsed)
    await model.check_known(without, caller)

    async def make() -> Made:
        standing, answers = await model.answer(inputs, without)
        body, headers = oip.render(
            model.name,
            VERSION,
            parsed,
            outputs_of(answers, service.telling),
            {"epoch": standing.epoch},
        )
        return Made(standing, body, headers.pop("content-type"), headers)

    return await Leaving.of(model, make, complain)


def outputs_of(answers: Answers, telling: Telling) -> list[oip.Tensor]:
    """Return answers as tensors: `label` is empty where the model abstains.

    Where an input can have several labels, the tensor has the parameter `several`, and its values are lines, one for
    each label, in which a backslash and a line end are written as `\\\\` and `\\n`.
    """
    several = answers.known is None
    given = [labels_of(answer) for answer in answers.answers]
    texts = ["\n".join(map(as_line, labels)) if several else "".join(labels) for labels in given]
    tensors = [oip.Tensor("label", oip.BYTES, oip.texts(texts), {"several": True} if several else {})]
    if telling.labels_only:
        return tensors
    order = telling.ranked(answers)
    shares = telling.numbers(answers.probabilities)
    tensors += [
        oip.Tensor("confidence", "FP32", telling.numbers(answers.confidence)),
        oip.Tensor("threshold", "FP32", telling.numbers(answers.limit)),
    ]
    known = [] if several else [oip.Tensor("known", "FP32", telling.numbers(answers.known))]
    if telling.top_k is None:
        names = {"classes": answers.labels}
        return [*tensors, oip.Tensor("probabilities", "FP32", shares, names), *known]
    top = np.take_along_axis(shares, order, axis=1)
    named = oip.texts([answers.labels[column] for row in order for column in row]).reshape(order.shape)
    return [
        *tensors,
        oip.Tensor("top_labels", oip.BYTES, named),
        oip.Tensor("top_probabilities", "FP32", top),
        *known,
    ]


def _read(service: Service, model: ServedModel, parsed: oip.InferRequest) -> Batchable:
    if len(parsed.inputs) != 1:
        raise Problem(400, "a request has one input, whose first dimension is the batch")
    tensor = parsed.inputs[0]
    is_files = tensor.datatype == oip.BYTES
    count = tensor.data.size if is_files else tensor.data.shape[0] if tensor.data.ndim else 0
    if not 1 <= count <= service.settings.most_inputs:
        raise Problem(
            400 if not count else 413,
            f"a request has between 1 and {service.settings.most_inputs} inputs; this one has {count}",
        )
    if is_files:
        return of_files(model.kind, tensor.data.reshape(-1).tolist(), service.settings)
    rate = tensor.parameters.get("rate")
    return of_array(model.kind, tensor.data, rate if type(rate) is int else None)


def _without(parsed: oip.InferRequest) -> tuple[str, ...]:
    without = parsed.parameters.get("without", [])
    names = [without] if isinstance(without, str) else without
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        raise Problem(400, "the parameter 'without' is a class or a list of classes to leave out")
    return tuple(names)


def _model(service: Service, name: str, version: str) -> ServedModel:
    model = service.model(name)
    if version != VERSION:
        raise Problem(404, "there is no such version of the model; its only one is 1")
    return model


def _inputs_of(model: ServedModel) -> list[dict[str, Any]]:
    if model.kind == VECTORS:
        width = model.classifier.n_features_in_
        return [{"name": VECTORS, "datatype": "FP32", "shape": [-1, width]}]
    if model.kind == TEXTS:
        return [{"name": TEXTS, "datatype": oip.BYTES, "shape": [-1]}]
    if model.kind == SOUNDS:
        return [{"name": SOUNDS, "datatype": "FP32", "shape": [-1, -1]}]
    return [{"name": "images", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}]


def _outputs_of(telling: Telling, *, several: bool) -> list[dict[str, Any]]:
    label = {"name": "label", "datatype": oip.BYTES, "shape": [-1]}
    if telling.labels_only:
        return [label]
    numbers = [{"name": name, "datatype": "FP32", "shape": [-1]} for name in ("confidence", "threshold")]
    known = [] if several else [{"name": "known", "datatype": "FP32", "shape": [-1]}]
    if telling.top_k is None:
        return [label, *numbers, {"name": "probabilities", "datatype": "FP32", "shape": [-1, -1]}, *known]
    return [
        label,
        *numbers,
        {"name": "top_labels", "datatype": oip.BYTES, "shape": [-1, -1]},
        {"name": "top_probabilities", "datatype": "FP32", "shape": [-1, -1]},
        *known,
    ]
