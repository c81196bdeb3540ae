"""`preforget serve` as a process of its own, with a model of drawn digits and a token for each role."""

from __future__ import annotations

import io
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from sklearn.datasets import load_digits

from preforget.classifier import PreForgettableClassifier
from preforget.cli.main import main
from preforget.serve.tokens import ROLES, Tokens

from ..forked import Forked

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

DIGITS = ("zero", "one", "two", "three", "four", "five")
PERSONS = ("Ada", "Grace", "Kim")
EACH = 12
PATIENCE = 120.0
SIZES = {"phone": (380, 800), "desktop": (1280, 800)}


@dataclass(frozen=True)
class Served:
    """Where the service is, its model's folder, and a token for each role."""

    url: str
    model: Path
    tokens: dict[str, str] = field(repr=False)

    @property
    def at(self) -> str:
        """The model's first screen."""
        return f"{self.url}/models/{self.model.name}"


def drawn(digit: int, number: int) -> np.ndarray:
    """Return one of the handwritten digits of scikit-learn, enlarged to 32 pixels."""
    digits = load_digits()
    picture = digits.images[np.flatnonzero(digits.target == digit)[number]]
    return np.kron((picture * 15.9).astype(np.uint8), np.ones((4, 4), dtype=np.uint8))


def png(pixels: np.ndarray) -> dict[str, object]:
    """Return pixels as a file that a form takes."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return {"name": "picture.png", "mimeType": "image/png", "buffer": file.getvalue()}


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One service for all tests of the page; each forgets what no other test needs."""
    folder = tmp_path_factory.mktemp("service")
    digits = load_digits()
    rows = np.concatenate([np.flatnonzero(digits.target == d)[:EACH] for d in range(len(DIGITS))])
    pictures = np.kron((digits.images[rows] * 15.9).astype(np.uint8), np.ones((1, 4, 4), dtype=np.uint8))
    model = PreForgettableClassifier("builtin", "exact")
    persons = [PERSONS[i % len(PERSONS)] for i in range(len(rows))]
    model.fit(pictures, np.array(DIGITS)[digits.target[rows]], subjects=persons)
    model.save_pretrained(folder / "digits")
    tokens = Tokens()
    tokens.path = folder / "tokens.json"  # which the first token makes
    texts = {role: tokens.add(role) for role in ROLES}
    said = folder / "said"

    command = ["serve", str(folder / "digits"), "--tokens", str(folder / "tokens.json")]

    def serve() -> int:
        sys.stdout = said.open("w")  # left open: whoever ends this child flushes it
        return main([*command, "--port", "0", "--most-mib", "1"])

    process = Forked(serve)
    try:
        yield Served(address(process, said), folder / "digits", texts)
    finally:
        process.send(signal.SIGTERM)
        process.wait()


def address(process: Forked, said: Path) -> str:
    """Wait until a service listens, and return its address."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        lines = said.read_text().splitlines() if said.exists() else []
        for line in lines:
            if line.startswith("serving ") and line.split()[-1].startswith("http"):
                return line.split()[-1]
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise AssertionError(
        f"the service didn't start: {process.said() if process.poll() is not None else said}"
    )


@pytest.fixture
def visit(browser: Browser, service: Served) -> Iterator[Callable[..., Page]]:
    """Open a tab of somebody's own; fails if any of its requests goes elsewhere, or the browser complains."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def complain(what: object) -> None:
        text = str(getattr(what, "text", what))
        if "the server responded with a status of" not in text:  # a refusal that the test asks for
            complaints.append(text)

    def open_tab(role: str | None = None, **options: object) -> Page:
        context = browser.new_context(**{"reduced_motion": "reduce", **options})  # type: ignore[arg-type]
        contexts.append(context)
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.on("console", complain)
        page.on("pageerror", complain)
        page.goto(service.url)
        if role is not None:
            page.fill("#token", service.tokens[role])
            page.click("main form button")
            page.wait_for_selector(".role")
        return page

    asked: list[str] = []
    yield open_tab
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith((service.url, "data:", "blob:"))] == []
    assert complaints == []


def serious(page: Page) -> list[str]:
    """Return what axe finds on a page that is serious or critical, and whether it moves sideways."""
    found = Axe().run(page).response["violations"]
    ends = [
        f"{rule['id']}: {node['html'][:150]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        ends.append("it is wider than the window")
    return ends
