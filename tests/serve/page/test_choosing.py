from __future__ import annotations

import pytest

from preforget.serve.page import choosing

from .conftest import Visitor


def test_classes_and_persons_are_offered_by_name(visitor: Visitor) -> None:
    visitor.sign_in("officer")
    page = visitor.get("/models/people/forget")
    assert page.url.path == "/models/people/forget/classes"
    assert all(f'value="{name}"' in page.text for name in ("Ada", "Grace", "Mary"))
    assert "Kim" not in page.text
    page = visitor.get("/models/people/forget/persons")
    assert all(f'value="{name}"' in page.text for name in ("Kim", "Lee"))
    assert visitor.get("/models/people/forget/others").url.path == "/models/people/forget/classes"


def test_a_search_keeps_what_is_chosen(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "MOST_SHOWN", 1)
    visitor.sign_in("officer")
    page = visitor.get("/models/people/forget/classes").text
    assert ("Ada" in page, "Mary" in page, "and 2 more" in page) == (True, False, True)
    fields = {"query": "mar", "name": ["Ada", "Eve"], "reason": "2026-118", "grounds": "Art. 17"}
    page = visitor.post("/models/people/forget/classes", fields)
    assert "?" not in str(page.url)
    assert 'value="Ada" checked' in page.text
    assert 'value="Mary"' in page.text
    assert "Eve" not in page.text
    assert 'value="2026-118"' in page.text
    assert visitor.post("/models/people/forget/others", fields).status_code == 404
