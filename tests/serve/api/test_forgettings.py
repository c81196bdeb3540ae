from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from preforget.erasure.verify import verify_receipt

from ..conftest import bearer, forget, labels

URL = "/api/v1/forgettings"


def test_a_class_is_forgotten_and_the_receipt_verifies(
    client: TestClient, model: Path, tmp_path: Path
) -> None:
    outcome = forget(client, label="Grace", reason="r-1")
    assert outcome["status"] == "done"
    receipt = client.get(f"{URL}/{outcome['id']}/receipt")
    (tmp_path / "receipt.json").write_bytes(receipt.content)
    assert verify_receipt(tmp_path / "receipt.json", model).passed
    page = client.get(f"{URL}/{outcome['id']}/receipt.html")
    assert outcome["erasure"] in page.text
    assert "Grace" not in page.text + receipt.text
    assert "Grace" not in labels(client)


def test_a_person_is_forgotten(client: TestClient) -> None:
    assert forget(client, subject=["Kim"])["status"] == "done"
    assert client.get("/api/v1/classes").json()["subjects"] == 1


def test_the_same_key_is_the_same_request(client: TestClient) -> None:
    headers = {**bearer(client), "Idempotency-Key": "a random key".replace(" ", "-")}
    first = client.post(URL, json={"label": "Ada", "reason": "r-1"}, headers=headers).json()
    again = client.post(URL, json={"label": "Ada", "reason": "r-1"}, headers=headers).json()
    assert again["id"] == first["id"]
    other = client.post(URL, json={"label": "Mary", "reason": "r-1"}, headers=headers)
    assert other.status_code == 422
    assert len(client.get(URL).json()) == 1


def test_what_cant_be_asked_names_nobody(client: TestClient) -> None:
    for request in (
        {},
        {"label": "Ada", "subject": "Kim"},
        {"label": "Eda"},
        {"subject": "Kimm"},
        {"label": "Ada", "reason": "for Mary"},
        {"label": []},
        {"label": "Ada", "more": 1},
    ):
        said = client.post(URL, json=request, headers=bearer(client))
        assert said.status_code == 422, request
        assert not [name for name in ("Ada", "Grace", "Mary", "Kim", "Lee") if name in said.text]
    assert client.get(f"{URL}/{'0' * 32}").status_code == 404
