from __future__ import annotations

from collections.abc import Callable

import pytest

from preforget.erasure.receipt import read_receipt
from preforget.serve.journal import Forgetting

from .conftest import Visitor


@pytest.fixture(scope="module")
def after(serving: Callable[..., Visitor]) -> Visitor:
    """A service that has forgotten a class, by a request, and another at the command line."""
    visitor = serving(open_reading=True)
    assert "Nothing was forgotten yet" in visitor.get("/models/people/receipts").text
    visitor.sign_in("officer")
    fields = {"kind": "classes", "name": "Ada", "key": "k" * 20, "typed": "Ada", "reason": "2026-118"}
    answer = visitor.post("/models/people/forgettings", fields, follow_redirects=False)
    forgettings = visitor.service.forgettings["people"]
    visitor.client.portal.call(forgettings.finished, answer.headers["location"][-32:])  # type: ignore[union-attr]
    visitor.model.forget("Grace")
    return visitor


def test_a_request_that_is_done_leads_to_its_receipt(after: Visitor) -> None:
    (entry,) = after.service.forgettings["people"].journal.entries.values()
    page = after.get(f"/models/people/forgettings/{entry.id}")
    assert page.url.path == f"/models/people/receipts/{entry.erasure}"
    assert "One class was forgotten." in page.text
    assert "request 2026-118" in page.text
    assert "What it does not say" in page.text
    for name in ("Ada", "Grace", "Mary", "Kim", "Lee"):
        assert name not in page.text


def test_all_receipts_are_listed_and_can_be_kept(after: Visitor) -> None:
    page = after.get("/models/people/receipts").text
    assert page.count("records destroyed") == 2
    (entry,) = after.service.forgettings["people"].journal.entries.values()
    at = f"/models/people/receipts/{entry.erasure}"
    signed = after.get(f"{at}/receipt.json")
    assert after.model.folder is not None
    receipt, key_id = read_receipt(signed.content, after.model.folder.keyring.signing.known())
    assert receipt.erasure == entry.erasure
    page = after.get(at).text
    assert key_id in page
    for kept in ("receipt.json", "receipt.html"):
        assert f'href="{at}/{kept}"' in page
    assert signed.headers["content-disposition"] == f'attachment; filename="receipt-{entry.erasure[:8]}.json"'
    assert "Receipt of an erasure" in after.get(f"{at}/receipt.html").text
    assert after.get("/models/people/key.pem").text.startswith("-----BEGIN PUBLIC KEY-----")


def test_the_verifier_may_run_its_own_script_and_nothing_else(after: Visitor) -> None:
    answer = after.get("/verify")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'sha256-" in policy
    assert "'self'" not in policy
    assert "frame-ancestors 'none'" in policy


def test_a_request_that_is_under_way_or_has_failed_says_so(after: Visitor) -> None:
    journal = after.service.forgettings["people"].journal
    entry = Forgetting.asked_for(["Mary"], [], [], "2026-119", None, "x", None)
    journal.entries[entry.id] = entry
    try:
        page = after.get(f"/models/people/forgettings/{entry.id}").text
        assert '<noscript><meta http-equiv="refresh"' in page
        assert "Mary" not in page
        assert "2026-119" in after.get("/models/people/receipts").text
        journal.entries[entry.id] = entry.failed("the folder can't be written")
        page = after.get(f"/models/people/forgettings/{entry.id}").text
        assert "Nothing was forgotten" in page
        assert "The folder can&#39;t be written." in page
    finally:
        del journal.entries[entry.id]


def test_a_receipt_that_is_not_there_or_not_as_it_was_signed(after: Visitor) -> None:
    assert after.get(f"/models/people/receipts/{'0' * 32}").status_code == 404
    assert after.get("/models/people/receipts/x").status_code == 422
    assert after.get(f"/models/people/forgettings/{'0' * 32}").status_code == 404
    (path, *_) = sorted((after.service.model(None).path / "receipts").glob("*.json"))
    content = path.read_bytes()
    erasure = next(row for row in _erasures(after) if row in path.name)
    path.chmod(0o600)
    path.write_bytes(content.replace(b'"sig":"', b'"sig":"A'))
    try:
        page = after.get(f"/models/people/receipts/{erasure}")
        assert page.status_code == 409
        assert "does not hold" in page.text
    finally:
        path.write_bytes(content)


def _erasures(visitor: Visitor) -> list[str]:
    folder = visitor.model.folder
    assert folder is not None
    return [str(row.data["erasure"]) for row in folder.ledger.entries() if row.event == "forget"]
