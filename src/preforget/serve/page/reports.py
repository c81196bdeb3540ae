"""Reports of audits that lie beside a model, without the names of classes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from preforget.audit.report.page import headline, page
from preforget.audit.result import AuditResult, hide_labels
from preforget.core.errors import PreforgetError
from preforget.core.files import read_regular
from preforget.serve.page.rendering import answer
from preforget.serve.page.visits import PageModel, TheVisit, require
from preforget.serve.problems import Problem
from preforget.serve.tokens import Right

router = APIRouter(include_in_schema=False)
REPORT = "audit.json"
MOST_BYTES = 64 * 2**20
_FOLDER = re.compile(r"audit[A-Za-z0-9._-]{0,80}", re.ASCII)
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Of reports: they hold their style, and no script."""


@router.get("/models/{model}/reports")
async def listed(model: PageModel, visit: TheVisit) -> Response:
    """List the reports."""
    require(visit, Right.SEE)
    rows = await model.call(_listed, model.path)
    return answer("reports.html", visit, model.name, rows=rows)


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
