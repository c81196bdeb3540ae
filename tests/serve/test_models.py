from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import UsageError
from preforget.serve.models import ServedModel, load_models, model_named
from preforget.serve.problems import Problem
from preforget.serve.settings import Settings

from .conftest import ROWS, Serve, bearer, service_of, tensor


def test_models_have_the_names_of_their_folders_or_given_ones(model: Path) -> None:
    models = load_models([model, Path(f"other={model}")], Settings(), device="cpu")
    assert list(models) == ["model", "other"]
    assert model_named(models, "other") is models["other"]
    with pytest.raises(Problem):
        model_named(models, None)
    with pytest.raises(Problem):
        model_named(models, "third")
    for served in models.values():
        served.close()


def test_names_that_cant_be_used(model: Path) -> None:
    with pytest.raises(UsageError, match="two models are called"):
        load_models([model, model], Settings())
    with pytest.raises(UsageError, match="can't be a model's name"):
        load_models([Path(f"für={model}")], Settings())
    with pytest.raises(UsageError, match="bound to a folder"):
        ServedModel("a", PreForgettableClassifier(), Settings())


def test_who_may_not_see_classes_cannot_ask_which_there_are(serve: Serve) -> None:
    with serve(open_reading=False, labels_only=True) as client:
        said = [
            client.post(
                "/v2/models/model/infer",
                json={**tensor(ROWS[20:21]), "parameters": {"without": [name]}},
                headers=bearer(client, role),
            )
            for role in ("predictor", "operator")
            for name in ("Mary", "Nobody")
        ]
    assert [answer.status_code for answer in said] == [200, 200, 200, 422]
    assert said[0].json()["outputs"] == said[1].json()["outputs"]


def test_a_class_left_out_that_is_forgotten_meanwhile_fails_no_answer(client: TestClient) -> None:
    served = service_of(client).models["model"]
    respond, forgotten = served.batches._respond, []

    def slow(inputs: object, without: tuple[str, ...]) -> object:
        if not forgotten:
            forgotten.append(served.classifier.forget("Grace"))
        return respond(inputs, without)

    served.batches._respond = slow  # type: ignore[assignment]
    asked = {**tensor(ROWS[::20]), "parameters": {"without": ["Grace"]}}
    said = client.post("/v2/models/model/infer", json=asked)
    assert said.status_code == 200
    assert "Grace" not in said.text
