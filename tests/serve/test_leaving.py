from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from preforget.classifier import PreForgettableClassifier
from preforget.serve import leaving
from preforget.serve.leaving import Made, _send
from preforget.serve.membership import Standing

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


def test_nothing_of_an_answer_leaves_later_where_the_connection_is_being_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leaving, "SLOWEST", 0.1)
    body, (ours, theirs) = b"x" * 2**24, socket.socketpair()
    theirs.settimeout(60)

    async def leave() -> None:
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                transport.write(message["body"])
                transport.close()  # as after a request with Connection: close

        await _send(Made(Standing(1, ""), body), send, transport)
        assert not transport.get_write_buffer_size()

    asyncio.run(leave())
    taken = 0
    with theirs:
        while part := theirs.recv(2**20):
            taken += len(part)
    assert taken < len(body)
