from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from preforget.serve.tokens import ROLES

from .conftest import ROWS, Serve, bearer, tensor

SEE, ANSWER, FORGET = "/api/v1/classes", "/v2/models/model/infer", "/api/v1/forgettings"


def codes(client: TestClient, headers: dict[str, str]) -> list[int]:
    """Return what reading, asking and forgetting (of nobody) come to."""
    return [
        client.get(SEE, headers=headers).status_code,
        client.post(ANSWER, json=tensor(ROWS[:1]), headers=headers).status_code,
        client.post(FORGET, json={"label": "nobody"}, headers=headers).status_code,
    ]


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("viewer", [200, 403, 403]),
        ("predictor", [403, 200, 403]),
        ("operator", [200, 200, 403]),
        ("officer", [200, 200, 422]),
    ],
)
def test_each_role_may_do_what_is_its_own(serve: Serve, role: str, expected: list[int]) -> None:
    assert set(ROLES) == {"viewer", "predictor", "operator", "officer"}
    with serve(open_reading=False) as client:
        assert codes(client, bearer(client, role)) == expected


def test_without_a_token_nothing_or_reading_alone(serve: Serve) -> None:
    with serve(open_reading=False) as client:
        assert codes(client, {}) == [401, 401, 401]
    with serve() as client:
        assert codes(client, {}) == [200, 200, 401]
        assert codes(client, {"Authorization": "Bearer nonsense"}) == [401, 401, 401]
        assert codes(client, {"Authorization": "Basic nonsense"}) == [401, 401, 401]
