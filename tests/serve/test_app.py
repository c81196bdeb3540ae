from __future__ import annotations

import logging

import pytest
from fastapi.testclient import TestClient

from .conftest import service_of


def test_problems_are_rfc_9457(client: TestClient) -> None:
    for said in (
        client.get("/api/v1/nothing"),
        client.post("/api/v1/forgettings"),
        client.delete("/api/v1/classes"),
    ):
        assert said.headers["content-type"] == "application/problem+json"
        assert said.json()["status"] == said.status_code


def test_a_fault_tells_nobody_what_it_was(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    service_of(client).models["model"].call = lambda *_: 1 / 0  # type: ignore[method-assign]
    asked = TestClient(client.app, base_url="http://localhost", raise_server_exceptions=False)
    with caplog.at_level(logging.ERROR):
        said = asked.get("/api/v1/classes")
    assert said.status_code == 500
    assert "zero" not in said.text
    assert "ZeroDivisionError in" in caplog.text
    assert said.headers["x-frame-options"] == "DENY"


def test_the_interface_describes_itself(client: TestClient) -> None:
    described = client.get("/api/v1/openapi.json").json()
    assert {"/api/v1/classes", "/api/v1/predict", "/api/v1/forgettings"} <= set(described["paths"])
    assert client.get("/docs").status_code == 404
