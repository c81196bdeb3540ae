from __future__ import annotations

from fastapi.testclient import TestClient


def test_a_model_that_there_isnt_and_one_that_isnt_named(client: TestClient) -> None:
    assert client.get("/api/v1/classes?model=model").status_code == 200
    assert client.get("/api/v1/classes?model=other").status_code == 404
