from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from preforget.classifier import PreForgettableClassifier

from .conftest import ROWS, labels, service_of, tensor


def test_an_answer_says_its_epoch_and_when_it_left(client: TestClient) -> None:
    said = client.post("/v2/models/model/infer", json=tensor(ROWS[:1]))
    assert said.headers["preforget-epoch"] == str(said.json()["parameters"]["epoch"])
    assert said.headers["preforget-left"].endswith("Z")


def test_an_answer_that_was_made_before_another_process_forgot_is_made_anew(
    client: TestClient, model: Path
) -> None:
    served = service_of(client).models["model"]
    respond, forgotten = served.batches._respond, []

    def slow(inputs: object, without: tuple[str, ...]) -> object:
        made = respond(inputs, without)
        if not forgotten:  # between making the answer and its leaving
            other = PreForgettableClassifier.from_pretrained(model, device="cpu")
            forgotten.append(other.forget("Grace").generation)
        return made

    served.batches._respond = slow  # type: ignore[assignment]
    said = client.post("/v2/models/model/infer", json=tensor(ROWS[::20]))
    assert "Grace" not in said.text
    assert said.json()["parameters"]["epoch"] == forgotten[0]
    assert labels(client) == said.json()["outputs"][0]["data"]


def test_a_folder_that_is_gone_is_a_problem_not_an_answer(client: TestClient, model: Path) -> None:
    model.rename(model.with_name("moved"))
    said = client.post("/v2/models/model/infer", json=tensor(ROWS[:1]))
    assert said.status_code == 503
    assert "Ada" not in said.text
