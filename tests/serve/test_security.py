from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from preforget.serve.security import HEADERS

from .conftest import Serve


def test_every_response_has_the_headers_and_none_of_cors(client: TestClient) -> None:
    for path in ("/v2", "/api/v1/classes", "/api/v1/nothing"):
        headers = client.get(path, headers={"Origin": "http://evil.example"}).headers
        assert {name: headers[name] for name in HEADERS} == HEADERS
        assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "", "localhost@evil", "127.0.0.2"]
)
def test_a_name_that_isnt_the_services(client: TestClient, host: str) -> None:
    said = client.get("/v2", headers={"Host": host})
    assert said.status_code == 421
    assert said.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("host", ["localhost:99", "127.0.0.1", "[::1]:8080", "LOCALHOST"])
def test_names_of_this_machine(client: TestClient, host: str) -> None:
    assert client.get("/v2", headers={"Host": host}).status_code == 200


def test_a_body_that_is_too_long_said_or_unsaid(serve: Serve) -> None:
    with serve(most_body=10) as client:
        assert client.post("/v2/models/model/infer", content=b"x" * 11).status_code == 413
        assert client.post("/v2/models/model/infer", content=iter([b"x" * 6] * 2)).status_code == 413
        assert client.post("/v2/models/model/infer", content=b"x" * 10).status_code == 400


@pytest.mark.parametrize(
    "host", ["localhost:abc", "localhost:65536", "[::1]evil", "localhost:80:80", "localhost:80@evil", "::1"]
)
@pytest.mark.parametrize("path", ["/v2", "/sign-in"])
def test_a_host_that_is_no_name_and_port(client: TestClient, host: str, path: str) -> None:
    assert client.get(path, headers={"Host": host}).status_code == 421
