from __future__ import annotations

from fastapi.testclient import TestClient

from .conftest import NAMES, Serve, bearer, forget, labels


def test_measures_name_routes_and_models_and_nobody(client: TestClient) -> None:
    labels(client)
    forget(client, label="Grace")
    client.get("/api/v1/classes/Ada")
    said = client.get("/metrics").text
    assert 'route="/v2/models/{name}/infer"' in said
    assert 'preforget_classes{model="model"} 2.0' in said
    assert 'preforget_receipt_seconds_count{model="model"} 1.0' in said
    assert not [name for name in NAMES if name in said]


def test_with_tokens_they_need_one(serve: Serve) -> None:
    with serve(open_reading=False) as client:
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers=bearer(client, "viewer")).status_code == 200
