from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from preforget.core.errors import UsageError
from preforget.core.paths import exists, given_path, shortened


def test_a_tilde_is_the_home_folder_unless_a_file_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert given_path("~/model") == tmp_path / "home" / "model"
    assert given_path("~") == tmp_path / "home"
    assert given_path("~no-such-user.png") == Path("~no-such-user.png")
    (tmp_path / "~").mkdir()
    (tmp_path / "~" / "a.png").touch()
    assert given_path("~/a.png") == Path("~/a.png")
    assert given_path("a/~b") == Path("a/~b")


@pytest.mark.parametrize("text", ["x" * 300, "a\0b", "no such thing"])
def test_text_that_is_no_path_is_never_there(text: str) -> None:
    assert not exists(Path(text))
    assert given_path(f"~{text}") == Path(f"~{text}")


def test_long_text_is_cut_in_the_middle() -> None:
    assert shortened("short\nlines") == "short lines"
    assert shortened("a" * 50 + "b" * 50, 11) == "aaaaa…bbbbb"
    assert len(shortened("x" * 1000)) <= 200


@pytest.mark.parametrize("given", [["a.png", "b.png"], 3, None])
def test_what_is_no_path_is_said_to_be_none(given: Any) -> None:
    with pytest.raises(UsageError, match="a path is a text or a Path, not"):
        given_path(given)
