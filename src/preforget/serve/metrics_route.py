"""`/metrics`, for who may see the service."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from preforget.serve.access import check, service_of
from preforget.serve.metrics import MEDIA_TYPE
from preforget.serve.tokens import Right

router = APIRouter(include_in_schema=False)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return all measures."""
    check(request, Right.SEE)
    service = service_of(request)
    for model in service.models.values():
        service.metrics.epoch.labels(model.name).set(model.standing().epoch)
        service.metrics.classes.labels(model.name).set(len(model.classifier.labels))
        service.metrics.queue.labels(model.name).set(model.batches.waiting)
    return Response(service.metrics.text(), media_type=MEDIA_TYPE)
