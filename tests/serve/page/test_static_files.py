from __future__ import annotations

import re

from preforget.serve.page.static_files import CONTENTS, address

from .conftest import Visitor


def test_files_may_be_kept_since_their_address_changes_with_them(visitor: Visitor) -> None:
    for name in CONTENTS:
        answer = visitor.get(address(name))
        assert answer.content == CONTENTS[name]
        assert "immutable" in answer.headers["cache-control"]
    assert visitor.get("/static/000000000000/style.css").status_code == 404
    assert visitor.get(address("style.css").replace("style.css", "other.css")).status_code == 404


def test_nothing_comes_from_elsewhere() -> None:
    assert re.search(rb"https?://|@import|url\(", CONTENTS["style.css"]) is None
    assert re.search(rb"https?://|eval|innerHTML", CONTENTS["page.js"]) is None
    assert len(CONTENTS["page.js"]) < 6_000
