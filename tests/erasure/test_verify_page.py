"""The page that checks receipts, as a file; `tests/browser` opens it."""

from __future__ import annotations

import base64
import hashlib
import json
import re

from preforget.erasure.receipt import SCHEMA
from preforget.erasure.verify_page import FOLDER, verifier, verify_page


def sha256(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_allows_this_script_and_this_style_only() -> None:
    page = verify_page()
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert (len(scripts), len(styles), page.count("<script"), page.count("<style")) == (1, 1, 1, 1)
    policy = re.search('Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert policy[1] == (
        f"default-src 'none'; script-src {sha256(scripts[0])}; style-src {sha256(styles[0])}; "
        "base-uri 'none'; form-action 'none'"
    )
    assert verifier().script_source == sha256(scripts[0])


def test_nothing_is_loaded_sent_or_evaluated() -> None:
    page = verify_page()
    assert not re.search(r"<[^>]*\s(src|href|action|style|on\w+)=", page)
    assert not re.search(r"url\(|@import|@font-face", page)
    for forbidden in (
        "fetch",
        "XMLHttp",
        "WebSocket",
        "sendBeacon",
        "import(",
        "eval(",
        "Function(",
        "HTML",
        "write",
    ):
        assert forbidden not in verifier().script
    for forbidden in ("localStorage", "sessionStorage", "indexedDB", "cookie", "location =", "setTimeout"):
        assert forbidden not in verifier().script
    addresses = re.findall(r"\w+://[^\s\"'\\]+", page)
    assert set(addresses) == {
        "https://json-schema.org/draft/2020-12/schema",
        "https://in-toto.io/Statement/v1",
    }


def test_the_schema_is_the_one_of_the_format() -> None:
    line = next(line for line in verifier().script.splitlines() if line.startswith("const SCHEMA = "))
    assert json.loads(line.removeprefix("const SCHEMA = ").removesuffix(";")) == json.loads(
        SCHEMA.read_bytes()
    )
    assert "</" not in line


def test_the_script_is_small_and_ours() -> None:
    own = [line for path in FOLDER.glob("verify_page*.js") for line in path.read_text().splitlines()]
    assert len(own) < 380
    assert max(map(len, own)) <= 120


def test_every_field_has_a_name_and_the_result_is_announced() -> None:
    form = str(verifier().form)
    fields = re.findall(r'<(?:input|textarea)[^>]*id="([\w-]+)"', form)
    assert len(fields) == 3
    assert all(f'<label for="{field}"' in form for field in fields)
    assert 'id="verifier-result" role="status" aria-live="polite"' in form
    assert "<noscript>" in form


def test_the_page_is_always_the_same() -> None:
    assert verify_page() == verify_page()
    assert "\r" not in verify_page()
