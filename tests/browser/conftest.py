"""Chromium, as the system has it, under playwright; no browser is downloaded.

Where one of the two is missing the tests are skipped, unless PREFORGET_REQUIRE_BROWSER=1 makes that a failure.
"""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from preforget.erasure.receipt import Receipt, payload_of
from preforget.erasure.receipt_page import page as receipt_page
from preforget.erasure.verify_page import verify_page

from .forgeries import GOOD, PEM, SIGNER
from .serving import service, visit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

__all__ = ["service", "visit"]

NAMES = ("chromium", "chromium-browser", "google-chrome")


def _missing(what: str) -> None:
    if os.environ.get("PREFORGET_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{what}, and PREFORGET_REQUIRE_BROWSER=1 asks for the browser tests")
    pytest.skip(what)


@pytest.fixture(scope="module")
def playwright_of() -> Iterator[Callable[..., Browser]]:
    """Launch browsers, with arguments."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("playwright is not installed")
    program = next((path for path in map(shutil.which, NAMES) if path), None)
    if program is None:
        _missing(f"none of {', '.join(NAMES)} is installed")
    with sync_playwright() as playwright:

        def launch(*arguments: str) -> Browser:
            return playwright.chromium.launch(executable_path=program, args=[*arguments])

        yield launch


@pytest.fixture(scope="module")
def browser(playwright_of: Callable[..., Browser]) -> Iterator[Browser]:
    """One browser for a file of tests: playwright keeps an event loop in this thread, which no other test could use."""
    launched = playwright_of()
    yield launched
    launched.close()


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without a network; fails if any page asked for anything but a local file."""
    context = browser.new_context(offline=True)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    yield context
    context.close()
    assert [url for url in asked if not url.startswith("file:")] == []


@pytest.fixture(scope="module")
def tab(context: BrowserContext) -> Page:
    """One tab for all tests, since each new one starts a process."""
    return context.new_page()


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The page itself, and a receipt's page with the verifier in it, as `file:` addresses."""
    folder = tmp_path_factory.mktemp("pages")
    receipt = Receipt.from_statement(payload_of(GOOD))
    pages = {"verify": verify_page(), "receipt": receipt_page(receipt, SIGNER.key_id, checked=True)}
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in pages}


@pytest.fixture
def opened(tab: Page, files: dict[str, str]) -> Iterator[Callable[..., Page]]:
    """Open a page, by default the verifier with the right key; whatever the browser complains of fails the test."""
    complaints: list[str] = []

    def complain(what: object) -> None:
        complaints.append(str(getattr(what, "text", what)))

    def open_page(name: str = "verify", key: str = PEM) -> Page:
        tab.set_viewport_size({"width": 1280, "height": 720})
        tab.goto(files[name])
        tab.fill("#verifier-key", key)
        return tab

    tab.on("console", complain)
    tab.on("pageerror", complain)
    yield open_page
    tab.remove_listener("console", complain)
    tab.remove_listener("pageerror", complain)
    assert complaints == []


def ask(page: Page, content: bytes) -> str:
    """Give the page a receipt; return `valid`, the reason for which it refuses, or `unchecked`."""
    page.set_input_files(
        "#verifier-file", {"name": "receipt.json", "mimeType": "application/json", "buffer": content}
    )
    return answer(page)


def ask_all(page: Page, contents: list[bytes]) -> list[str]:
    """Give the page one receipt after another, without the way through the browser's file chooser."""
    found: list[str] = page.evaluate(
        """async (contents) => {
          const found = [];
          for (const text of contents) {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            await take([new File([bytes], "receipt.json")], "receipt");
            const { reason, verdict } = byId("result").dataset;
            found.push(reason ?? verdict);
          }
          return found;
        }""",
        [base64.b64encode(content).decode() for content in contents],
    )
    return found


def answer(page: Page) -> str:
    """Wait until the page has judged."""
    page.wait_for_selector("#verifier-result:not([data-verdict=working])")
    data: dict[str, str] = page.evaluate("({...document.getElementById('verifier-result').dataset})")
    return data.get("reason", data["verdict"])
