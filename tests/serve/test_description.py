"""The description of the interface is true: schemathesis asks what it describes, and finds nothing else."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from .conftest import NAMES, Serve, bearer

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 6
"""Of each operation; `benchmarks/serve_hostile.py` sends thousands."""


def running(app: Any) -> Any:
    """Return an application that runs already: schemathesis would start it a second time."""

    async def whole(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for moment in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{moment}.complete"})

    return whole


def test_every_operation_is_as_it_is_described(serve: Serve) -> None:
    with serve() as client:
        headers = bearer(client)
        schema = schemathesis.openapi.from_asgi(
            "/api/v1/openapi.json", running(client.app), headers={"Host": "localhost"}
        )
        count = 0
        for result in schema.get_all_operations():
            operation = result.ok()

            @hypothesis.seed(0)
            @hypothesis.settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=[*HealthCheck],
            )
            @hypothesis.given(case=operation.as_strategy())
            def ask(case: Case) -> None:
                said = case.call(base_url="http://localhost", session=client, headers=headers)
                case.validate_response(said, checks=CHECKS)
                assert not [name for name in NAMES if said.status_code >= 400 and name in said.text]

            ask()
            count += 1
        assert count >= 20


def test_the_service_is_the_same_afterwards(client: TestClient) -> None:
    assert client.get("/v2/health/ready").status_code == 200


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
