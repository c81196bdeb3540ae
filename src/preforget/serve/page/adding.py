"""The routes of the page, and what it keeps in memory."""

from __future__ import annotations

from fastapi import FastAPI

from preforget.serve.limits import Rates
from preforget.serve.page import (
    choosing,
    history,
    overview,
    preview,
    receipts,
    reports,
    signing_in,
    static_files,
    trying,
)
from preforget.serve.page.sessions import Sessions

PARTS = (static_files, signing_in, overview, trying, preview, choosing, receipts, history, reports)
SIGN_INS_PER_SECOND, SIGN_INS_AT_ONCE = 0.5, 20


def add_page(app: FastAPI) -> None:
    """Add the page to an application."""
    app.state.sessions = Sessions()
    app.state.sign_ins = Rates(SIGN_INS_PER_SECOND, SIGN_INS_AT_ONCE)
    for part in PARTS:
        app.include_router(part.router)
