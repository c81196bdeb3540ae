from __future__ import annotations

from preforget.serve.page.matching import folded, matches


def test_any_part_in_either_case_and_form() -> None:
    names = ["Ada", "Grace", "Straße", "ﬁona"]
    assert matches(names, "RA", str) == ["Grace", "Straße"]
    assert matches(names, "strasse", str) == ["Straße"]
    assert matches(names, "fi", str) == ["ﬁona"]
    assert matches(names, "  ", str) == names
    assert folded("Ⅳ") == "iv"
