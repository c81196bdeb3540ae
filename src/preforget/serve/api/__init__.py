"""The service's own interface, `/api/v1`: one file for each resource."""

from __future__ import annotations

from preforget.serve.api import answers, classes, forgettings

ROUTERS = (classes.router, answers.router, forgettings.router)
"""In the order of the description."""
