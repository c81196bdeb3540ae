"""One small model of rows of numbers, learned once, and a service around a copy of it, asked without a network."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from preforget.classifier import PreForgettableClassifier
from preforget.serve.app import make_app
from preforget.serve.making import make_service
from preforget.serve.service import Service
from preforget.serve.settings import Settings

NAMES = ["Ada", "Grace", "Mary"]
ROWS = np.random.default_rng(0).normal(size=(60, 4)) + np.repeat([[0.0], [4.0], [8.0]], 20, axis=0)

Serve = Callable[..., AbstractContextManager[TestClient]]


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of three classes and two subjects; don't change it."""
    path = tmp_path_factory.mktemp("served") / "model"
    model = PreForgettableClassifier("features", "exact")
    model.fit(ROWS, np.repeat(NAMES, 20), subjects=["Kim", "Lee"] * 30).save_pretrained(path)
    return path


@pytest.fixture
def model(learned: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(learned, tmp_path / "model"))


@pytest.fixture
def serve(model: Path) -> Serve:
    """Serve the copy: `with serve(rows=4) as client`; the service is `client.app.state.service`."""

    @contextmanager
    def serving(**settings: Any) -> Iterator[TestClient]:
        service = make_service([model], None, Settings(**{"open_reading": True, **settings}), device="cpu")
        with TestClient(make_app(service), base_url="http://localhost") as client:
            yield client

    return serving


@pytest.fixture
def client(serve: Serve) -> Iterator[TestClient]:
    with serve() as client:
        yield client


def service_of(client: TestClient) -> Service:
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    return service


def bearer(client: TestClient, role: str = "officer") -> dict[str, str]:
    """Return the header of a new token of a role."""
    return {"Authorization": f"Bearer {service_of(client).tokens.add(role)}"}


def tensor(rows: Any) -> dict[str, Any]:
    """Return a request to infer."""
    rows = np.asarray(rows, dtype=np.float32)
    data = rows.reshape(-1).tolist()
    return {"inputs": [{"name": "vectors", "datatype": "FP32", "shape": list(rows.shape), "data": data}]}


def labels(client: TestClient, rows: Any = ROWS[::20]) -> list[str]:
    """Ask for answers and return the labels, empty where the model abstains."""
    said = client.post("/v2/models/model/infer", json=tensor(rows))
    assert said.status_code == 200, said.text
    answered: list[str] = said.json()["outputs"][0]["data"]
    return answered


def forget(client: TestClient, **request: Any) -> dict[str, Any]:
    """Have somebody forgotten, wait for it, and return the outcome."""
    asked = client.post("/api/v1/forgettings", json=request, headers=bearer(client))
    assert asked.status_code == 202, asked.text
    end = time.monotonic() + 60
    while time.monotonic() < end:
        outcome: dict[str, Any] = client.get(asked.headers["location"]).json()
        if outcome["status"] != "pending":
            return outcome
    raise AssertionError("the request to forget stays pending")
