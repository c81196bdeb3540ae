from __future__ import annotations

import socket
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from preforget.serve.admission import LITTLE

from .conftest import ROWS, Serve, bearer, service_of, tensor
from .running import running

ANSWER, FORGET = "/v2/models/model/infer", "/api/v1/forgettings"
WRONG = {"Authorization": "Bearer pf_000000000000_" + "x" * 43}


@pytest.mark.parametrize("path", [ANSWER, FORGET, "/api/v1/predict", "/sign-in", "/models/model/try"])
@pytest.mark.parametrize("headers", [{}, WRONG])
def test_who_has_no_right_sends_no_large_body(serve: Serve, path: str, headers: dict[str, str]) -> None:
    with serve(open_reading=False) as client:
        told = {"Origin": "http://localhost", "Content-Length": str(LITTLE + 1), **headers}
        said = client.post(path, content=b"x" * (LITTLE + 1), headers=told)
        assert said.status_code == (413 if path in ("/sign-in", "/models/model/try") else 401)


def test_a_token_is_looked_at_before_the_body_has_come(model: Path) -> None:
    with running(model) as service:
        for headers, code in ((b"", b"401"), (b"Authorization: Bearer x\r\n", b"401")):
            with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
                head = (
                    b"POST /v2/models/model/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
                )
                connection.sendall(head + headers + b"\r\n")
                assert connection.recv(2**16).split()[1] == code


def test_a_request_that_reads_brings_next_to_nothing(client: TestClient) -> None:
    assert client.request("GET", "/v2", content=b"x" * (LITTLE + 1)).status_code == 413


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:1"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ],
)
def test_a_page_elsewhere_has_nothing_computed(client: TestClient, headers: dict[str, str]) -> None:
    for path in (ANSWER, "/api/v1/predict", "/api/v1/detachments"):
        said = client.post(path, json=tensor(ROWS[:1]), headers={**headers, **bearer(client)})
        assert said.status_code == 403
        assert "Ada" not in said.text
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post(ANSWER, json=tensor(ROWS[:1]), headers=own).status_code == 200


def test_tokens_that_cant_be_read_open_nothing(client: TestClient, tmp_path: Path) -> None:
    service_of(client).tokens.path = tmp_path / "none.json"
    said = client.post(FORGET, json={"label": "Ada"}, headers=WRONG)
    assert said.status_code == 503
