from __future__ import annotations

from fastapi.testclient import TestClient

from .conftest import service_of


def test_a_service_is_ready_once_it_has_started_and_not_when_it_ends(client: TestClient) -> None:
    service = service_of(client)
    assert client.get("/v2/health/ready").json() == {"ready": True}
    service.draining = True
    assert client.get("/v2/health/ready").status_code == 503
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/models/model/ready").status_code == 503
