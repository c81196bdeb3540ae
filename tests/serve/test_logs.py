from __future__ import annotations

import logging

import pytest
from fastapi.testclient import TestClient

from preforget.serve.logs import WithoutMessages

from .conftest import NAMES, forget, labels


def test_lines_of_the_access_log_name_routes_and_nobody(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "preforget.access"):
        labels(client)
        forget(client, label="Grace", reason="r-1")
        client.get("/api/v1/Ada?label=Ada")
        client.request("ADA", "/v2")
    lines = [record.getMessage() for record in caplog.records if record.name == "preforget.access"]
    assert any(
        line.startswith("POST /v2/models/{name}/infer 200 ") and line.endswith(" anybody") for line in lines
    )
    assert any(line.startswith("POST /api/v1/forgettings 202 ") for line in lines)
    assert any(line.startswith("GET (none) 404 ") for line in lines)
    assert not [name for name in NAMES if name.lower() in "".join(lines).lower()]


def test_errors_in_logs_are_told_without_their_messages(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("preforget.test-messages")
    logger.addFilter(WithoutMessages())
    try:
        raise ValueError("about Grace")
    except ValueError as error:
        logger.exception("Exception in ASGI application: %s", "Grace")
        logger.error("Traceback (most recent call last): Grace", exc_info=error)
    logger.error("Traceback (most recent call last): Grace")
    assert "Grace" not in caplog.text
    assert "ValueError" in caplog.text
