"""Reports: evaluations and audits that were started here, and audits that lie beside a model."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi import Path as InPath
from fastapi.responses import Response

from preforget.audit.report.page import headline, page
from preforget.audit.result import AuditResult, hide_labels
from preforget.core.errors import PreforgetError
from preforget.core.files import read_regular
from preforget.serve.leaving import Leaving, Made
from preforget.serve.page import auditing
from preforget.serve.page.rendering import answer, complain, redirect
from preforget.serve.page.visits import PageModel, PageService, ThePosted, TheVisit, require
from preforget.serve.problems import Problem
from preforget.serve.reports import AUDIT, EVALUATION, PAGE, RUNNING
from preforget.serve.tokens import Right

router = APIRouter(include_in_schema=False)
REPORT = "audit.json"
MOST_BYTES = 64 * 2**20
Id = Annotated[str, InPath(pattern="^[0-9a-f]{32}$")]
_FOLDER = re.compile(r"audit[A-Za-z0-9._-]{0,80}", re.ASCII)
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Of reports: they hold their style, and no script."""


@router.get("/models/{model}/reports")
async def listed(service: PageService, model: PageModel, visit: TheVisit) -> Response:
    """List the reports."""
    require(visit, Right.SEE)
    rows = await model.call(_listed, model.path)
    kept = service.reports[model.name]
    entries = sorted(kept.entries.values(), key=lambda entry: entry.asked, reverse=True)
    return answer(
        "reports.html",
        visit,
        model.name,
        rows=rows,
        entries=entries,
        has_data=kept.data is not None,
        running=any(entry.status == RUNNING for entry in entries),
    )


@router.post("/models/{model}/evaluations")
async def evaluate(service: PageService, model: PageModel, posted: ThePosted) -> Response:
    """Start an evaluation."""
    require(posted.visit, Right.OPERATE)
    service.reports[model.name].start(EVALUATION)
    return redirect(f"/models/{model.name}/reports")


@router.get("/models/{model}/audit")
async def choose(request: Request, model: PageModel, visit: TheVisit) -> Response:
    """Show the classes that an audit may be about."""
    require(visit, Right.OPERATE)
    return await auditing.shown(request, model, visit)


@router.post("/models/{model}/audit")
async def audit(request: Request, service: PageService, model: PageModel, posted: ThePosted) -> Response:
    """Start an audit."""
    require(posted.visit, Right.OPERATE)
    names, suite = posted.texts("name"), posted.text("suite")
    if not names or suite not in auditing.SUITES:
        return await auditing.shown(request, model, posted.visit, "Choose at least one class.")
    service.reports[model.name].start(AUDIT, forget=names, suite=suite)
    return redirect(f"/models/{model.name}/reports")


@router.get("/models/{model}/reports/{kind}/{id}")
async def kept_report(
    request: Request, service: PageService, model: PageModel, visit: TheVisit, kind: str, id: Id
) -> Response:
    """Return a report that was made here; it leaves only if all that it names is known at that moment."""
    require(visit, Right.SEE)
    kept = service.reports[model.name]

    async def make() -> Made:
        standing = await model.call(model.standing)
        content = await model.call(kept.content, kept.report(kind, id), PAGE)
        return Made(standing, content, "text/html", {"content-security-policy": POLICY})

    return await Leaving.of(model, make, lambda problem: complain(request, problem))


@router.get("/models/{model}/reports/{name}")
async def report(model: PageModel, visit: TheVisit, name: str) -> Response:
    """Return a report as a page of its own; numbers stand for classes, since one of them may be forgotten."""
    require(visit, Right.SEE)
    path = reports_of(model.path).get(name)
    if path is None:
        raise Problem(404, "there is no such report")
    text = await model.call(lambda: page(hide_labels(_result(path))))
    return Response(text, media_type="text/html", headers={"content-security-policy": POLICY})


def reports_of(model: Path) -> dict[str, Path]:
    """Return the reports beside a model folder, by the ends of their folders' names: `MODEL.audit`, `MODEL.audit-2`."""
    found = {}
    for path in sorted(model.parent.glob(f"{model.name}.audit*/{REPORT}")):
        name = path.parent.name.removeprefix(f"{model.name}.")
        if _FOLDER.fullmatch(name):
            found[name] = path
    return found


def _result(path: Path) -> AuditResult:
    try:
        return AuditResult.from_dict(json.loads(read_regular(path, MOST_BYTES)))
    except (OSError, ValueError, PreforgetError):
        raise Problem(409, "this report can't be read; it is damaged, or of another version") from None


def _listed(model: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name, path in reports_of(model).items():
        try:
            result = hide_labels(_result(path))
        except Problem as problem:
            rows.append({"name": name, "wrong": problem.detail})
            continue
        rows.append(
            {
                "name": name,
                "wrong": None,
                "headline": headline(result),
                "suite": result.suite,
                "forgotten": len(result.forgotten),
                "seeds": len(result.seeds),
            }
        )
    return rows
