"""A service over vectors that several tests ask through its page; no browser and no network."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from starlette.testclient import TestClient

from preforget.classifier import PreForgettableClassifier
from preforget.serve.app import make_app
from preforget.serve.limits import Rates
from preforget.serve.making import make_service
from preforget.serve.page.adding import SIGN_INS_AT_ONCE
from preforget.serve.service import Service
from preforget.serve.settings import Settings
from preforget.serve.tokens import ROLES, Tokens

ORIGIN = "http://127.0.0.1:8080"


class Visitor:
    """A browser without a screen: it keeps cookies, and sends forms as the page's own are sent."""

    def __init__(self, client: TestClient, service: Service, tokens: dict[str, str]) -> None:
        self.client, self.service, self.tokens = client, service, tokens

    @property
    def model(self) -> PreForgettableClassifier:
        return self.service.model(None).classifier

    def get(self, path: str, **options: Any) -> Response:
        return self.client.get(path, **options)

    def csrf(self) -> str:
        text = self.client.get("/sign-in").text
        match = re.search(r'name="csrf" value="([0-9a-f]{64})"', text)
        assert match is not None
        return match[1]

    def post(self, path: str, fields: dict[str, Any], **options: Any) -> Response:
        fields = {"csrf": self.csrf(), **fields}
        headers = {"origin": ORIGIN, **options.pop("headers", {})}
        return self.client.post(path, data=fields, headers=headers, **options)

    def sign_in(self, role: str) -> Visitor:
        assert self.post("/sign-in", {"token": self.tokens[role]}).status_code == 200
        return self


@pytest.fixture(scope="module")
def serving(learned: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Visitor]]:
    """Start services, each with a copy of the model of its own."""
    with ExitStack() as stack:

        def serve(**settings: Any) -> Visitor:
            folder = tmp_path_factory.mktemp("served") / "people"
            shutil.copytree(learned, folder)
            tokens = Tokens()
            service = make_service([folder], tokens, Settings(**settings))
            client = stack.enter_context(TestClient(make_app(service), base_url=ORIGIN))
            return Visitor(client, service, {role: tokens.add(role) for role in ROLES})

        yield serve


@pytest.fixture(scope="module")
def served(serving: Callable[..., Visitor]) -> Visitor:
    """One service for a file of tests, which may be read without a token."""
    return serving(open_reading=True)


@pytest.fixture
def visitor(served: Visitor) -> Iterator[Visitor]:
    """Somebody who isn't signed in."""
    served.client.cookies.clear()
    served.client.app.state.sign_ins = Rates(1.0, SIGN_INS_AT_ONCE)  # type: ignore[attr-defined]
    yield served
    served.client.cookies.clear()
