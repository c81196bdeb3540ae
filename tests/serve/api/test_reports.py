from __future__ import annotations

from fastapi.testclient import TestClient

from ..conftest import bearer


def test_reports_need_data_and_the_role_of_an_operator(client: TestClient) -> None:
    for url, body in (("/api/v1/audits", {"forget": ["Ada"]}), ("/api/v1/evaluations", None)):
        assert client.get(url).json() == []
        assert client.get(f"{url}/{'0' * 32}").status_code == 404
        assert client.post(url, json=body).status_code == 401
        said = client.post(url, json=body, headers=bearer(client, "operator"))
        assert said.status_code == 409
        assert "--data" in said.json()["detail"]
