from __future__ import annotations

import pytest

from preforget.serve.page import auditing

from .conftest import Visitor


def test_only_operators_choose_what_a_copy_forgets(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert visitor.get("/models/people/audit").status_code == 401
    assert visitor.sign_in("viewer").get("/models/people/audit").status_code == 403
    monkeypatch.setattr(auditing, "MOST_SHOWN", 1)
    page = visitor.sign_in("operator").get("/models/people/audit").text
    assert ("Ada" in page, "Grace" in page) == (True, False)
    assert all(f'value="{suite}"' in page for suite in auditing.SUITES)
