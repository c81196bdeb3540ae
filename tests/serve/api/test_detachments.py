from __future__ import annotations

from fastapi.testclient import TestClient

from ..conftest import bearer, labels

URL = "/api/v1/detachments"


def test_a_class_is_left_out_and_taken_back(client: TestClient) -> None:
    headers = bearer(client, "operator")
    said = client.post(URL, json={"label": "Grace"}, headers=headers)
    assert said.json()["detached"] == client.get(URL).json()["detached"] == ["Grace"]
    assert "Grace" not in labels(client)
    client.post(URL, json={"label": "Grace", "detached": False}, headers=headers)
    assert "Grace" in labels(client)


def test_a_class_that_there_isnt_and_who_may_not(client: TestClient) -> None:
    said = client.post(URL, json={"label": "Eda"}, headers=bearer(client, "operator"))
    assert said.status_code == 422
    assert "Ada" not in said.text
    assert client.post(URL, json={"label": "Ada"}, headers=bearer(client, "viewer")).status_code == 403
