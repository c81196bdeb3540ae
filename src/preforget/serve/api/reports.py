"""`/api/v1/audits` and `/api/v1/evaluations`: start one, see how far it is, read the report."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from preforget.serve import reports
from preforget.serve.api.common import PROBLEMS, Operator, TheModel, TheService, Viewer, complain
from preforget.serve.api.forgettings import Name
from preforget.serve.leaving import Leaving, Made
from preforget.serve.models import ServedModel
from preforget.serve.reports import AUDIT, EVALUATION, PAGE, RESULT, Reports
from preforget.serve.security import STANDALONE
from preforget.serve.service import Service

router = APIRouter(tags=["reports"], responses=PROBLEMS)

Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="Of an audit or an evaluation")]
HTML: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {}}, "description": "The report as a page"}
}
JSON: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {}}, "description": "All measures"}
}


class AuditRequest(BaseModel):
    """Classes that a copy forgets for the audit, or that the model has forgotten already, and how much is tried."""

    model_config = ConfigDict(extra="forbid")

    forget: Annotated[list[Name], Field(min_length=1, max_length=100)]
    suite: Literal["quick", "standard", "full"] = "quick"


class Report(BaseModel):
    """How far one is; `passed`: whether no measure of an audit differs from retraining."""

    id: str
    status: Literal["running", "done", "failed"]
    asked: str
    ended: str | None
    passed: bool | None
    detail: str | None


def told(report: reports.Report) -> Report:
    """Return what may be told of one."""
    return Report(
        id=report.id,
        status=report.status,  # type: ignore[arg-type]
        asked=report.asked,
        ended=report.ended,
        passed=report.passed,
        detail=report.detail,
    )


def of(service: Service, model: ServedModel) -> Reports:
    """Return the reports of a model."""
    return service.reports[model.name]


@router.post("/audits", status_code=202)
async def audit(service: TheService, model: TheModel, caller: Operator, request: AuditRequest) -> Report:
    """Start an audit, on the data that the service was given."""
    return told(of(service, model).start(AUDIT, forget=request.forget, suite=request.suite))


@router.get("/audits")
async def audits(service: TheService, model: TheModel, caller: Viewer) -> list[Report]:
    """List the audits, the newest first."""
    return _listed(of(service, model), AUDIT)


@router.get("/audits/{id}")
async def audit_status(service: TheService, model: TheModel, caller: Viewer, id: Id) -> Report:
    """Say how far an audit is."""
    return told(of(service, model).report(AUDIT, id))


@router.get("/audits/{id}/report", response_class=Response, responses=JSON)
async def audit_report(service: TheService, model: TheModel, caller: Viewer, id: Id) -> Response:
    """Return what an audit has measured; classes are numbers in it."""
    return await _content(service, model, AUDIT, id, RESULT, "application/json")


@router.get("/audits/{id}/report.html", response_class=Response, responses=HTML)
async def audit_page(service: TheService, model: TheModel, caller: Viewer, id: Id) -> Response:
    """Return an audit's report as a page."""
    return await _content(service, model, AUDIT, id, PAGE, "text/html")


@router.post("/evaluations", status_code=202)
async def evaluate(service: TheService, model: TheModel, caller: Operator) -> Report:
    """Start an evaluation on the test part of the data that the service was given."""
    return told(of(service, model).start(EVALUATION))


@router.get("/evaluations")
async def evaluations(service: TheService, model: TheModel, caller: Viewer) -> list[Report]:
    """List the evaluations, the newest first."""
    return _listed(of(service, model), EVALUATION)


@router.get("/evaluations/{id}")
async def evaluation_status(service: TheService, model: TheModel, caller: Viewer, id: Id) -> Report:
    """Say how far an evaluation is."""
    return told(of(service, model).report(EVALUATION, id))


@router.get("/evaluations/{id}/report", response_class=Response, responses=JSON)
async def evaluation_report(service: TheService, model: TheModel, caller: Viewer, id: Id) -> Response:
    """Return what an evaluation has measured; gone once a class in it was forgotten."""
    return await _content(service, model, EVALUATION, id, RESULT, "application/json")


@router.get("/evaluations/{id}/report.html", response_class=Response, responses=HTML)
async def evaluation_page(service: TheService, model: TheModel, caller: Viewer, id: Id) -> Response:
    """Return an evaluation's report as a page; gone once a class in it was forgotten."""
    return await _content(service, model, EVALUATION, id, PAGE, "text/html")


def _listed(reports: Reports, kind: str) -> list[Report]:
    listed = [report for report in reports.entries.values() if report.kind == kind]
    return [told(report) for report in sorted(listed, key=lambda r: r.asked, reverse=True)]


async def _content(
    service: Service, model: ServedModel, kind: str, report_id: str, name: str, media_type: str
) -> Response:
    """Return a file of a report that leaves only if all that it names is known at that moment."""
    kept = of(service, model)

    async def make() -> Made:
        standing = await model.call(model.standing)
        content = await model.call(kept.content, kept.report(kind, report_id), name)
        policy = STANDALONE.format("script-src 'none'")
        return Made(standing, content, media_type, {"content-security-policy": policy})

    return await Leaving.of(model, make, complain)
