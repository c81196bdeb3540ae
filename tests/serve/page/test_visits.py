from __future__ import annotations

from typing import Any

import pytest

from ..conftest import NAMES
from .conftest import ORIGIN, Visitor

FORMS = [
    "/sign-in", "/sign-out", "/theme", "/models/people", "/models/people/try", "/models/people/detach",
    "/models/people/attach", "/models/people/forget/classes", "/models/people/preview", "/models/people/forgettings",
]  # fmt: skip
ELSEWHERE = [
    {"origin": "http://127.0.0.1:8081"},
    {"origin": "http://localhost:8080"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": ""},
    {"origin": ORIGIN, "sec-fetch-site": "same-site"},
    {"origin": ORIGIN, "sec-fetch-site": "cross-site"},
]


def test_every_form_of_the_application_is_checked(visitor: Visitor) -> None:
    routes: list[Any] = []

    def collect(found: list[Any]) -> None:
        for route in found:
            routes.append(route)
            collect(getattr(getattr(route, "original_router", None), "routes", []))

    collect(visitor.client.app.routes)  # type: ignore[attr-defined]
    posts = {r.path for r in routes if "POST" in (getattr(r, "methods", None) or ())}
    page = {path for path in posts if not path.startswith(("/v2", "/api", "/classes", "/predict"))}
    named = {path.replace("people", "{model}").replace("classes", "{kind}") for path in FORMS}
    assert named <= page


@pytest.mark.parametrize("path", FORMS)
def test_a_form_from_elsewhere_does_nothing(visitor: Visitor, path: str) -> None:
    visitor.sign_in("officer")
    for headers in ELSEWHERE:
        answer = visitor.post(path, {"name": "Ada", "label": "Ada", "token": "x"}, headers=headers)
        assert answer.status_code == 403, headers
        assert "did not come from this page" in answer.text
    assert visitor.model.classes_.tolist() == NAMES


@pytest.mark.parametrize("path", FORMS)
def test_a_form_without_the_sessions_csrf_token_does_nothing(visitor: Visitor, path: str) -> None:
    other = visitor.csrf()
    visitor.client.cookies.clear()
    visitor.sign_in("officer")
    for csrf in ("", other, "0" * 64):
        assert visitor.post(path, {"csrf": csrf, "name": "Ada"}).status_code == 403
    assert visitor.client.post(path, headers={"origin": ORIGIN}).status_code == 403


def test_no_cookie_no_form(visitor: Visitor) -> None:
    csrf = visitor.csrf()
    visitor.client.cookies.clear()
    answer = visitor.client.post("/theme", data={"csrf": csrf}, headers={"origin": ORIGIN})
    assert answer.status_code == 403


def test_the_cookie_is_kept_from_scripts_and_other_sites(visitor: Visitor) -> None:
    header = visitor.get("/sign-in").headers["set-cookie"]
    assert header.startswith("preforget-session-8080=")
    assert header.endswith("; Path=/; HttpOnly; SameSite=Strict")
    assert "set-cookie" not in visitor.get("/sign-in").headers


def test_behind_tls_the_cookie_is_secure(visitor: Visitor) -> None:
    csrf = visitor.csrf()
    fields = {"csrf": csrf, "token": visitor.tokens["viewer"]}
    headers = {"origin": "https://127.0.0.1:8080"}
    answer = visitor.client.post("/sign-in", data=fields, headers=headers, follow_redirects=False)
    assert answer.headers["set-cookie"].endswith("; Secure")


def test_a_revoked_token_ends_its_session(visitor: Visitor) -> None:
    text = visitor.service.tokens.add("officer")
    visitor.post("/sign-in", {"token": text})
    assert "Sign out" in visitor.get("/models/people").text
    visitor.service.tokens.revoke(text.split("_")[1])
    page = visitor.get("/sign-in").text
    assert "Your session has ended." in page
    assert visitor.get("/models/people/forget").status_code == 401


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("viewer", {"", "/receipts", "/ledger", "/reports"}),
        ("predictor", {"/try"}),
        ("operator", {"", "/try", "/receipts", "/ledger", "/reports"}),
        ("officer", {"", "/try", "/forget", "/receipts", "/ledger", "/reports"}),
    ],
)
def test_a_role_is_offered_what_it_may_do_and_refused_the_rest(
    visitor: Visitor, role: str, allowed: set[str]
) -> None:
    visitor.sign_in(role)
    page = visitor.get("/").text
    for path in ("", "/try", "/forget", "/receipts", "/ledger", "/reports"):
        address = f"/models/people{path}"
        assert (f'<li><a href="{address}"' in page) == (path in allowed)
        assert visitor.get(address).status_code == (200 if path in allowed else 403)
    forgets = visitor.post("/models/people/preview", {"name": "Ada", "kind": "classes"}).status_code
    assert forgets == (200 if role == "officer" else 403)
    fields = {"name": "Ada", "kind": "classes", "typed": "Ada", "key": "k" * 20}
    if role != "officer":
        assert visitor.post("/models/people/forgettings", fields).status_code == 403
    if role in ("viewer", "predictor"):
        assert visitor.post("/models/people/detach", {"label": "Ada"}).status_code == 403
    assert visitor.model.classes_.tolist() == NAMES


def test_without_a_token_one_may_look_and_ask_and_is_told_so(visitor: Visitor) -> None:
    page = visitor.get("/")
    assert "You are not signed in." in page.text
    assert visitor.get("/models/people/try").status_code == 200
    assert visitor.get("/models/people/forget").status_code == 401
    assert visitor.post("/models/people/preview", {"name": "Ada"}).status_code == 401
    assert visitor.post("/models/people/detach", {"label": "Ada"}).status_code == 401


def test_another_host_is_refused_as_a_page(visitor: Visitor) -> None:
    answer = visitor.get("/", headers={"host": "rebound.example:8080"})
    assert answer.status_code == 421
    assert answer.headers["content-type"].startswith("text/html")
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_an_origin_that_is_no_address_and_a_field_that_is_no_text(visitor: Visitor) -> None:
    assert visitor.get("/sign-in", headers={"origin": "http://["}).status_code == 200
    assert visitor.post("/sign-in", {"token": "x"}, headers={"origin": "http://["}).status_code == 403
    body = '--B\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n+2AA-\r\n--B--\r\n'
    headers = {"origin": ORIGIN, "content-type": "multipart/form-data; charset=utf-7; boundary=B"}
    assert visitor.client.post("/sign-in", content=body, headers=headers).status_code == 403
