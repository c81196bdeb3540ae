from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import StoreError, UsageError
from preforget.serve.journal import Forgetting, Journal
from preforget.store import ModelFolder

from .conftest import Serve, bearer, forget, labels, service_of


def requests(model: Path) -> Journal:
    folder = ModelFolder.open(model)
    requests = model.with_name(f"{model.name}.requests")
    journal = Journal(requests, folder.manifest.model, folder.keyring.signing)
    journal.read()
    return journal


def test_what_was_pending_when_the_service_was_killed_is_done_before_it_is_ready(
    serve: Serve, model: Path
) -> None:
    with serve() as client:
        planned = [*service_of(client).models["model"].classifier.engine_.affected_records("Grace")]
    entry = Forgetting.asked_for(
        ["Grace"], [], [r.id for r in planned], "r-7", None, "officer", "a random key"
    )
    requests(model).write(entry)
    with serve() as client:
        assert client.get("/v2/health/ready").status_code == 200
        assert "Grace" not in labels(client)
        outcome = client.get(f"/api/v1/forgettings/{entry.id}").json()
    assert outcome["status"] == "done"
    assert requests(model).entries[entry.id].labels == []


def test_what_was_erased_before_the_kill_has_its_receipt(serve: Serve, model: Path) -> None:
    with serve() as client:
        planned = [*service_of(client).models["model"].classifier.engine_.affected_records("Grace")]
    entry = Forgetting.asked_for(["Grace"], [], [r.id for r in planned], None, None, "officer", None)
    requests(model).write(entry)
    erasure = PreForgettableClassifier.from_pretrained(model, device="cpu").forget("Grace")
    with serve() as client:
        assert client.get(f"/api/v1/forgettings/{entry.id}").json()["erasure"] == erasure.id


def test_a_receipt_of_one_name_is_none_of_a_request_for_two(serve: Serve, model: Path) -> None:
    with serve() as client:
        engine = service_of(client).models["model"].classifier.engine_
        ids = {record.id for name in ("Grace", "Mary") for record in engine.affected_records(name)}
    entry = Forgetting.asked_for(["Grace", "Mary"], [], sorted(ids), None, None, "officer", None)
    requests(model).write(entry)
    other = PreForgettableClassifier.from_pretrained(model, device="cpu")
    other.forget("Grace")
    other.forget("Mary")
    with serve() as client:
        outcome = client.get(f"/api/v1/forgettings/{entry.id}").json()
    assert outcome["status"] == "failed"
    assert outcome["erasure"] is None


def test_whom_another_process_forgot_meanwhile_is_unknown(client: TestClient, model: Path) -> None:
    PreForgettableClassifier.from_pretrained(model, device="cpu").forget("Grace")
    asked = client.post("/api/v1/forgettings", json={"label": "Grace"}, headers=bearer(client))
    assert asked.status_code == 422
    assert "Mary" not in asked.text


def test_answers_from_the_receipts_epoch_on_name_nobody_forgotten(client: TestClient) -> None:
    assert "Mary" in labels(client)
    outcome = forget(client, label="Mary")
    assert outcome["status"] == "done"
    assert "Mary" not in labels(client)
    said = client.get("/api/v1/classes")
    assert int(said.headers["preforget-epoch"]) >= outcome["epoch"]
    assert "Mary" not in said.text


def test_a_journal_is_one_services_alone(serve: Serve, model: Path) -> None:
    with serve(), pytest.raises(UsageError, match="another service"), serve():
        pass
    with serve() as client:
        assert "Mary" in labels(client)


def test_a_folder_of_requests_that_a_stranger_made_keeps_the_service_from_starting(
    serve: Serve, model: Path
) -> None:
    planted = model.with_name(f"{model.name}.requests")
    planted.mkdir()
    planted.chmod(0o777)
    with pytest.raises(StoreError, match="every user"), serve():
        pass
