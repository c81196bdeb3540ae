from __future__ import annotations

from fastapi.testclient import TestClient

from ..conftest import NAMES, forget


def test_rows_of_the_ledger_name_nobody(client: TestClient) -> None:
    forget(client, label="Grace")
    said = client.get("/api/v1/ledger")
    events = [row["event"] for row in said.json()]
    assert events[0] == "learn"
    assert events[-1] == "erased"
    assert client.get(f"/api/v1/ledger?after={len(events) - 1}").json() == said.json()[-1:]
    assert client.get("/api/v1/ledger?after=1&limit=1").json() == said.json()[1:2]
    assert client.get("/api/v1/ledger?after=99999").json() == []
    assert not [name for name in NAMES if name in said.text]


def test_public_keys(client: TestClient) -> None:
    forget(client, label="Grace")
    keys = client.get("/api/v1/keys").json()
    assert sum(key["current"] for key in keys) == 1
    assert all(key["pem"].startswith("-----BEGIN PUBLIC KEY-----") for key in keys)
