"""What a person sees of the page that checks receipts, and that nothing of a receipt can act on it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from preforget.erasure.receipt import payload_of

from .conftest import answer, ask
from .forgeries import GOOD, LARGE, PEM, SIGNER, STRANGER, resigned

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.browser


def test_what_is_proven_and_what_is_not(opened: Callable[..., Page]) -> None:
    page = opened()
    assert ask(page, LARGE) == "valid"
    result = page.locator("#verifier-result")
    assert result.locator("h3").all_inner_texts() == [
        "What is proven", "What the signer states", "What is not proven", "What the receipt does not claim",
    ]  # fmt: skip
    predicate = payload_of(LARGE)["predicate"]
    proven, stated, unproven, unclaimed = result.locator("ul").all()
    assert SIGNER.key_id in proven.inner_text()
    assert predicate["guarantee"]["meaning"] not in proven.inner_text()
    text = stated.inner_text()
    assert predicate["guarantee"]["meaning"] in text
    assert predicate["request"]["reference"] in text
    assert "Check scan: FAILED." in text
    assert "Whose key it is." in unproven.inner_text()
    assert unclaimed.locator("li").all_inner_texts() == predicate["notClaimed"]
    warnings = result.locator("p.bad").all_inner_texts()
    assert "It says itself that 1 of its checks failed: something may be left." in warnings
    assert any("listed copies may still hold" in warning for warning in warnings)


def test_everything_in_a_receipt_is_text(opened: Callable[..., Page]) -> None:
    evil = "<img src=x onerror=alert(1)><script>alert(1)</script>&amp;"
    changes = {
        "guarantee": {"name": "exact", "meaning": evil},
        "request": {"reference": evil, "grounds": evil},
        "checks": [{"name": evil, "passed": True, "detail": evil}],
        "notClaimed": [evil],
    }
    page = opened()
    assert ask(page, resigned(lambda s: s["predicate"].update(changes))) == "valid"
    assert page.inner_text("#verifier-result").count(evil) == 6
    assert page.locator("#verifier-result :is(img, script)").count() == 0


def test_a_new_choice_takes_the_old_verdict_away(opened: Callable[..., Page]) -> None:
    page = opened()
    assert ask(page, GOOD) == "valid"
    seen = page.evaluate("(take([new File(['x'], 'x')], 'receipt'), byId('result').dataset.verdict)")
    assert seen == "working"
    assert answer(page) == "file"
    # a good receipt, and while it is checked another key
    page.evaluate(
        """async (text) => {
          const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
          const first = take([new File([bytes], "good")], "receipt");
          byId("key").value = "";
          await Promise.all([first, update()]);
        }""",
        base64.b64encode(GOOD).decode(),
    )
    assert answer(page) == "empty"


def test_files_can_be_dropped(opened: Callable[..., Page]) -> None:
    page = opened(key="")
    page.evaluate(
        """([key, receipt]) => {
          const dropped = new DataTransfer();
          dropped.items.add(new File([receipt], "receipt.json"));
          dropped.items.add(new File([key], "signer.pub.pem"));
          for (const type of ["dragover", "drop"])
            document.body.dispatchEvent(
              new DragEvent(type, { dataTransfer: dropped, bubbles: true, cancelable: true }),
            );
        }""",
        [PEM, GOOD.decode()],
    )
    assert answer(page) == "valid"
    assert page.inner_text("#verifier-name") == "Dropped: receipt.json"


@pytest.mark.parametrize("name", ["verify", "receipt"])
def test_with_the_keyboard_on_a_phone(opened: Callable[..., Page], name: str, tmp_path: Path) -> None:
    """The receipt's own page holds the same verifier."""
    page = opened(name, key="")
    page.set_viewport_size({"width": 380, "height": 700})
    page.focus("#verifier-key")
    page.keyboard.insert_text(PEM)
    focused = []
    for _ in range(2):
        page.keyboard.press("Tab")
        focused.append(page.evaluate("document.activeElement.id"))
    assert focused == ["verifier-key-file", "verifier-file"]
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    (tmp_path / "receipt.json").write_bytes(LARGE)
    page.get_by_label("Receipt", exact=True).set_input_files(tmp_path / "receipt.json")
    assert answer(page) == "valid"
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    (tmp_path / "other.pem").write_bytes(STRANGER.public_pem)
    page.get_by_label("or its file").set_input_files(tmp_path / "other.pem")
    assert answer(page) == "key"


def test_a_receipts_page_knows_another_receipt(opened: Callable[..., Page]) -> None:
    page, another = opened("receipt"), "It is another receipt than the one that this page shows."
    assert ask(page, GOOD) == "valid"
    assert another not in page.inner_text("#verifier-result")
    assert ask(page, LARGE) == "valid"
    assert another in page.locator("#verifier-result p.bad").all_inner_texts()


@pytest.mark.parametrize("name", ["verify", "receipt"])
def test_no_other_script_runs(context: BrowserContext, files: dict[str, str], name: str) -> None:
    page = context.new_page()
    page.goto(files[name])
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "document.title = 'changed'";
          document.body.append(script);
          document.body.setAttribute("onclick", "document.title = 'changed'");
          document.body.click();
          setTimeout("document.title = 'changed'");
        }"""
    )
    page.wait_for_timeout(50)
    assert page.title() != "changed"


def test_without_scripts_the_page_says_that_nothing_was_checked(
    browser: Browser, files: dict[str, str]
) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(files["verify"])
    assert "Nothing was checked." in page.inner_text("main")
    context.close()
