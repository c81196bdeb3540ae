from __future__ import annotations

from fastapi.testclient import TestClient


def test_models_and_classes(client: TestClient) -> None:
    [model] = client.get("/api/v1/models").json()
    assert (model["name"], model["kind"], model["engine"], model["forgets_subjects"]) == (
        "model",
        "vectors",
        "exact",
        True,
    )
    said = client.get("/api/v1/classes").json()
    assert [each["label"] for each in said["classes"]] == ["Ada", "Grace", "Mary"]
    assert said["subjects"] == 2
    assert said["epoch"] == model["epoch"]
