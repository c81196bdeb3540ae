from __future__ import annotations

from typing import Any

import pytest

from preforget.benchmark.toml_table import Table
from preforget.core.errors import UsageError


def test_what_is_read() -> None:
    t = Table({"a": 1, "b": ["x", {"name": "y", "n": 2}]}, "f.toml")
    assert t.whole("a", 0) == 1
    assert t.take("c", str, "default") == "default"
    first, second = t.tables("b")
    assert first.take("name", str) == "x"
    assert second.location == "f.toml: b 2"
    t.finish()
    with pytest.raises(UsageError, match=r"f\.toml: b 2: unknown key 'name'"):
        second.finish()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"a": "1"}, "f.toml: a must be a whole number, got '1'"),
        ({"a": True}, "f.toml: a must be a whole number, got True"),
        ({"a": -1}, "f.toml: a must be at least 0, got -1"),
    ],
)
def test_what_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as error:
        Table(values, "f.toml").whole("a", 0)
    assert str(error.value) == said


def test_missing_and_unknown() -> None:
    with pytest.raises(UsageError, match="a is missing"):
        Table({}, "f.toml").take("a", int, needed=True)
    with pytest.raises(UsageError, match="unknown a 'z'; choose one of: x, y"):
        Table({"a": "z"}, "f.toml").among("a", ("x", "y"), "x")
    with pytest.raises(UsageError, match="must hold names or tables, got 3"):
        Table({"a": [3]}, "f.toml").tables("a")
