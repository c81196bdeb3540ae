from __future__ import annotations

from fastapi.testclient import TestClient


def test_files_that_a_model_doesnt_read_and_none(client: TestClient) -> None:
    said = client.post("/api/v1/predict", files=[("files", b"1,2")])
    assert said.status_code == 422
    assert "tensor of FP32" in said.json()["detail"]
    assert client.post("/api/v1/predict").status_code == 422
