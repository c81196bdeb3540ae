from __future__ import annotations

import pytest

from .conftest import Visitor


@pytest.mark.parametrize("theme", ["light", "dark", "system"])
def test_a_theme_is_kept_without_script(visitor: Visitor, theme: str) -> None:
    answer = visitor.post("/theme", {"theme": theme, "next": "/models/people/ledger"})
    assert answer.url.path == "/models/people/ledger"
    assert f'data-theme="{theme}"' in answer.text
    assert answer.text.count('aria-pressed="true"') == 1


def test_another_theme_and_another_site_are_refused(visitor: Visitor) -> None:
    assert visitor.post("/theme", {"theme": "pink"}).status_code == 422
    answer = visitor.post("/theme", {"theme": "dark", "next": "//evil.example/"}, follow_redirects=False)
    assert answer.headers["location"] == "/"


def test_a_made_up_theme_is_the_systems(visitor: Visitor) -> None:
    page = visitor.get("/sign-in", headers={"cookie": 'preforget-theme="x'})
    assert 'data-theme="system"' in page.text
