from __future__ import annotations

from pathlib import Path

from preforget.serve.tokens import Tokens

from .conftest import ORIGIN, Visitor


def test_an_unknown_page_is_a_page_and_an_unknown_address_of_programs_is_none(visitor: Visitor) -> None:
    page = visitor.get("/models/people/nothing")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is nothing at this address" in page.text
    assert visitor.get("/models/other").status_code == 404
    assert "json" in visitor.get("/api/v1/nothing").headers["content-type"]


def test_a_request_that_is_too_large_is_a_page(visitor: Visitor) -> None:
    headers = {"content-length": "999999999", "origin": ORIGIN}
    answer = visitor.client.post("/models/people/try", content=b"x", headers=headers)
    assert answer.status_code == 413
    assert "That is too large" in answer.text


def test_tokens_that_cannot_be_read_open_nothing_and_are_told_as_a_page(
    visitor: Visitor, tmp_path: Path
) -> None:
    path = tmp_path / "tokens.json"
    visitor.service.tokens = tokens = Tokens()
    tokens.path = path
    token = tokens.add("officer")
    visitor.post("/sign-in", {"token": token})
    path.write_text("{")
    answer = visitor.get("/models/people/forget/classes")
    assert answer.status_code == 503
    assert "Sign out" not in answer.text
    path.unlink()
    assert visitor.get("/").status_code == 503
