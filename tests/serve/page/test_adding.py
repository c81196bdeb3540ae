from __future__ import annotations

from .conftest import Visitor


def test_programs_are_not_told_of_the_page(visitor: Visitor) -> None:
    paths = visitor.get("/api/v1/openapi.json").json()["paths"]
    assert all(path.startswith(("/v2", "/api/v1")) for path in paths)
    assert visitor.get("/", follow_redirects=False).status_code == 303
