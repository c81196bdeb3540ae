"""The service's own interface, `/api/v1`: one file for each resource."""

from __future__ import annotations

from preforget.serve.api import answers, classes, detachments, forgettings, ledger, reports

ROUTERS = (
    classes.router,
    answers.router,
    forgettings.router,
    detachments.router,
    ledger.router,
    reports.router,
)
"""In the order of the description."""
