"""The story of the page in a real browser: sign in, try, forget, keep and check the receipt, read the ledger."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from .serving import SIZES, Served, drawn, png, serious

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
SCREENSHOTS = os.environ.get("PREFORGET_SCREENSHOTS")
"""A folder into which the pictures of the documentation are written, if it is set."""
NOISE = np.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype(np.uint8)


DROP = """(bytes) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], "x.png", { type: "image/png" }));
  const drop = new DragEvent("drop", { dataTransfer: data, cancelable: true });
  setTimeout(() => document.querySelector(".drop").dispatchEvent(drop));
}"""


def picture(page: Page, name: str) -> None:
    """Write a picture of the documentation, in few colours, if that is asked for."""
    if SCREENSHOTS is None:
        return
    path = Path(SCREENSHOTS) / f"service-{name}.png"
    page.screenshot(path=path, animations="disabled")
    with Image.open(path) as opened:
        opened.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def send(page: Page, file: dict[str, object]) -> None:
    page.set_input_files("#file", file)  # type: ignore[arg-type]
    page.click("main form button")
    page.wait_for_selector("#answer.verdict")


def forget(page: Page, kind: str, name: str, reason: str) -> None:
    """Go from the choice to the receipt."""
    page.click("nav >> text=Forget")
    if kind == "persons":
        page.click("nav.switch >> text=Persons")
    page.check(f'input[name=name][value="{name}"]', force=True)
    page.fill("#reason", reason)
    page.click("text=See what goes")
    page.fill("#typed", "something else")
    page.click("text=Forget for good")
    assert "This must read" in page.inner_text("#fault")
    page.fill("#typed", name)
    page.click("text=Forget for good")
    page.wait_for_selector("article.paper", timeout=60_000)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_from_a_try_to_a_receipt(visit: Callable[..., Page], service: Served, script: bool) -> None:
    kind, name = ("classes", "three") if script else ("persons", "Kim")
    page = visit("officer", viewport={"width": 1280, "height": 860}, java_script_enabled=script)
    knows = page.inner_text("h1")
    if script:
        picture(page, "overview")
    page.click("nav >> text=Try")
    send(page, png(drawn(3 if script else 2, 2)))
    assert page.inner_text("#answer").endswith("three" if script else "two")
    if script:
        assert page.locator("img.shown").evaluate("image => image.naturalWidth") == 32
        picture(page, "answer")
    before = page.inner_text("text=Answered in epoch")

    forget(page, kind, name, "2026-118")
    assert f"One {'class' if script else 'person'} was forgotten." in page.inner_text("h1")
    assert "request 2026-118" in page.inner_text("article")
    assert "Signature and all" in page.inner_text(".seal")
    assert name not in page.content().replace("kind", "")
    assert name not in page.url
    if script:
        picture(page, "receipt")

    with page.expect_download() as begun:
        page.click("a.button >> text=Signed file")
    assert begun.value.suggested_filename == f"receipt-{page.url[-32:][:8]}.json"
    receipt, pem = (
        page.request.get(page.url.rpartition("/receipts/")[0] + path)
        for path in ("/receipts/" + page.url[-32:] + "/receipt.json", "/key.pem")
    )
    assert receipt.json()["payloadType"] == "application/vnd.in-toto+json"
    if script:
        page.click("a.button >> text=Check in the browser")
        page.fill("#verifier-key", pem.text())
        signed = {"name": "r.json", "mimeType": "application/json", "buffer": receipt.body()}
        page.set_input_files("#verifier-file", signed)  # type: ignore[arg-type]
        page.wait_for_selector("#verifier-result[data-verdict=valid]")
        page.go_back()

    page.click("nav >> text=Ledger")
    assert page.locator(".event.forget").count() >= 1
    page.click("a.button >> text=Check the whole chain")
    assert "The whole chain holds." in page.inner_text("main")
    page.click(".event.forget a")
    assert "was forgotten." in page.inner_text("h1")

    page.click("nav >> text=Overview")
    assert page.inner_text("h1") != knows
    page.click("nav >> text=Try")
    send(page, png(drawn(3 if script else 2, 2)))
    assert page.inner_text("text=Answered in epoch") != before
    assert not page.inner_text("#answer").endswith("three")


@pytest.mark.parametrize(("size", "theme"), [("phone", "light"), ("desktop", "dark")])
def test_axe_finds_nothing_serious(
    visit: Callable[..., Page], service: Served, size: str, theme: str
) -> None:
    width, height = SIZES[size]
    page = visit(viewport={"width": width, "height": height}, color_scheme=theme)
    found = {"sign in": serious(page)}
    page.fill("#token", "pf_wrong")
    page.click("main form button")
    found["wrong token"] = serious(page)
    page.fill("#token", service.tokens["officer"])
    page.click("main form button")
    page.wait_for_selector(".role")
    for path in ("", "/try", "/forget", "/forget/persons", "/receipts", "/ledger", "/reports", "/nothing"):
        page.goto(service.at + path)
        found[path] = serious(page)
    for name, pixels in (("answer", drawn(1, 3)), ("abstains", NOISE)):
        page.goto(service.at + "/try")
        send(page, png(pixels))
        found[name] = serious(page)
    assert page.inner_text("#answer") == "The model abstains"
    page.set_input_files("#file", {"name": "x.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.click("main form button")
    page.wait_for_selector("#fault")
    found["no picture"] = serious(page)
    page.goto(service.at + "/forget")
    page.click("text=See what goes")
    page.wait_for_selector("#fault")
    found["nothing chosen"] = serious(page)
    page.check("input[name=name][value=five]", force=True)
    page.click("text=See what goes")
    page.wait_for_selector("#typed")
    found["preview"] = serious(page)
    page.goto(service.at + "/receipts")
    rows = page.locator(".rows a")
    if rows.count():
        rows.first.click()
        page.wait_for_selector("article.paper")
        page.click("summary")
        found["receipt"] = serious(page)
    assert {screen: faults for screen, faults in found.items() if faults} == {}


def test_the_keyboard_is_enough(visit: Callable[..., Page]) -> None:
    page = visit("officer")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.click("nav >> text=Forget")
    page.focus("input[name=name][value=four]")
    page.keyboard.press("Space")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.focus("#grounds")
    page.keyboard.press("Enter")
    page.wait_for_selector("#typed")
    assert "four" in page.inner_text(".lead")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_dark_and_light_can_be_chosen(visit: Callable[..., Page], service: Served, script: bool) -> None:
    page = visit("viewer", color_scheme="light", java_script_enabled=script)
    bright = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(bright)
    if script:
        with page.expect_response("**/theme"):
            page.click("text=Dark")
    else:
        page.click("text=Dark")
    dark = page.evaluate(bright)
    page.goto(service.at + "/ledger")
    assert page.evaluate(bright) == dark != light
    assert page.get_attribute("button[value=dark]", "aria-pressed") == "true"


def test_a_dropped_picture_is_answered_and_one_too_large_is_not_sent(
    visit: Callable[..., Page], service: Served
) -> None:
    page = visit("predictor")
    assert page.locator("nav a").all_inner_texts() == ["Try"]
    page.set_input_files("#file", {"name": "x.png", "mimeType": "image/png", "buffer": b"x" * (2 * 2**20)})
    assert "too large" in page.eval_on_selector("#file", "input => input.validationMessage")
    page.evaluate(DROP, [*png(NOISE)["buffer"]])  # type: ignore[misc]
    page.wait_for_selector("#answer.verdict")


def test_too_large_without_script_is_a_page(visit: Callable[..., Page]) -> None:
    page = visit("predictor", java_script_enabled=False)
    page.set_input_files("#file", {"name": "x.png", "mimeType": "image/png", "buffer": b"x" * (2 * 2**20)})
    page.click("main form button")
    assert page.inner_text("h1") == "That is too large"
