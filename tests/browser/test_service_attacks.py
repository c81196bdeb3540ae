"""Another origin in the same browser can't act for who is signed in: neither another port nor a name that rebinds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from .serving import Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.browser

FIELDS = {"name": "one", "label": "one", "kind": "classes", "typed": "one", "key": "k" * 20, "csrf": "0" * 64}


@pytest.fixture(scope="module")
def evil() -> Iterator[str]:
    """Another origin: same machine, another port, which browsers count as the same site."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!DOCTYPE html><title>evil</title><body>")

        do_POST = do_GET  # noqa: N815 - a name of the standard library's

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join(60)


@pytest.fixture
def signed_in(browser: Browser, service: Served) -> Iterator[BrowserContext]:
    """A browser in which the officer is signed in."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(service.url)
    page.fill("#token", service.tokens["officer"])
    page.click("main form button")
    page.wait_for_selector(".role")
    yield context
    page.goto(service.at)
    assert page.inner_text(".role") == "officer"
    assert page.locator("input[name=label][value=one]").count() == 1
    context.close()


@pytest.fixture
def attack(signed_in: BrowserContext, evil: str) -> Page:
    """A tab of the attacker."""
    page = signed_in.new_page()
    page.goto(evil)
    return page


POST = """([url, fields]) => {
  const form = document.createElement("form");
  form.method = "post";
  form.action = url;
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement("input");
    input.name = name;
    input.value = value;
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}"""


@pytest.mark.parametrize(
    "path", ["/sign-out", "/theme", "/sign-in", "{m}/detach", "{m}/preview", "{m}/forgettings", "{m}/try"]
)
def test_a_form_of_another_port(attack: Page, service: Served, path: str) -> None:
    url = path.replace("{m}", service.at) if "{m}" in path else service.url + path
    with attack.expect_navigation() as navigation:
        attack.evaluate(POST, [url, FIELDS])
    assert navigation.value is not None
    assert navigation.value.status == 403
    assert "did not come from this page" in attack.inner_text("main")


def test_a_fetch_of_another_port_reads_nothing_and_does_nothing(attack: Page, service: Served) -> None:
    fetch = """async ([url, options]) => {
      try { const said = await fetch(url, options); return [said.type, await said.text()]; }
      catch (error) { return ["blocked", ""]; }
    }"""
    for mode in ("cors", "no-cors"):
        for options in ({}, {"method": "POST", "body": "x=1"}):
            asked = {"credentials": "include", "mode": mode, **options}
            kind, text = attack.evaluate(fetch, [service.at, asked])
            assert (kind, text) in (("blocked", ""), ("opaque", ""))


def test_a_frame_of_another_port_stays_empty(attack: Page, service: Served) -> None:
    said: list[str] = []
    attack.on("console", lambda message: said.append(message.text))
    attack.evaluate(
        """(url) => new Promise((done) => {
          const frame = document.createElement("iframe");
          frame.onload = done;
          frame.src = url;
          document.body.append(frame);
        })""",
        service.at,
    )
    assert all("This model knows" not in frame.content() for frame in attack.frames)
    assert any("frame" in text for text in said)


def test_a_window_of_another_port_cannot_be_read(attack: Page, service: Served) -> None:
    with attack.context.expect_page() as opened:
        attack.evaluate("(url) => { window.other = open(url); }", service.at)
    opened.value.wait_for_load_state()
    seen = attack.evaluate(
        "() => { try { return window.other.document.title; } catch { return 'kept away'; } }"
    )
    assert seen in ("kept away", None, "")
    opened.value.close()


def test_a_name_that_rebinds_to_this_machine_is_refused(
    playwright_of: Callable[..., Browser], service: Served
) -> None:
    browser = playwright_of("--host-resolver-rules=MAP rebound.example 127.0.0.1")
    page = browser.new_page()
    url = service.url.replace("127.0.0.1", "rebound.example")
    for path in ("/", "/sign-in", "/models/digits", "/api/v1/classes", "/v2/health/ready"):
        said = page.goto(url + path)
        assert said is not None
        assert said.status == 421
        assert "digits" not in page.content().replace(url, "")
    browser.close()
