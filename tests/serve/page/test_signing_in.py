from __future__ import annotations

from preforget.serve.page.adding import SIGN_INS_AT_ONCE
from preforget.serve.page.signing_in import local

from .conftest import Visitor


def test_a_token_begins_a_session_with_a_new_cookie(visitor: Visitor) -> None:
    visitor.get("/sign-in")
    before = dict(visitor.client.cookies)
    page = visitor.post("/sign-in", {"token": f"  {visitor.tokens['operator']}\n"})
    assert page.url.path == "/models/people"
    assert "operator" in page.text
    after = dict(visitor.client.cookies)
    assert before.keys() == after.keys()
    assert before != after
    assert visitor.tokens["operator"] not in str(after)
    page = visitor.post("/sign-out", {})
    assert page.url.path == "/sign-in"
    name = next(iter(after))
    visitor.client.cookies.set(name, after[name])
    assert "Sign out" not in visitor.get("/sign-in").text


def test_a_wrong_token_is_told_beside_the_field(visitor: Visitor) -> None:
    page = visitor.post("/sign-in", {"token": "pf_<x>"})
    assert page.status_code == 401
    assert 'aria-invalid="true"' in page.text
    assert "&lt;x&gt;" not in page.text


def test_tokens_are_not_tried_without_end(visitor: Visitor) -> None:
    codes = [visitor.post("/sign-in", {"token": "x"}).status_code for _ in range(SIGN_INS_AT_ONCE + 2)]
    assert codes[-1] == 429


def test_one_comes_back_to_this_page_only() -> None:
    assert local("/models/a-b.c/try") == "/models/a-b.c/try"
    for path in ("//x", "/\\x", "https://x", "/models/../..\\x", "/models/a?b=c", "javascript:x", ""):
        assert local(path) == "/"
