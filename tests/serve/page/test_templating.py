from __future__ import annotations

from preforget.serve.page.templating import TEMPLATES


def test_names_are_text_wherever_they_stand() -> None:
    for path in TEMPLATES.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "|safe" not in text.replace(" ", ""), path.name
        assert "style=" not in text, path.name
        assert "onclick" not in text, path.name
        assert "https://" not in text, path.name
