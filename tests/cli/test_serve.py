from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .conftest import Terminal


@pytest.mark.parametrize(
    "options",
    [
        ["--rows", "0"],
        ["--rate", "0"],
        ["--port", "70000"],
        ["--key", "k.pem"],
        ["--round", "-1"],
        ["--host", "0.0.0.0"],
    ],
)
def test_options_that_cant_be_used(terminal: Terminal, options: list[str]) -> None:
    done = terminal("serve", "model", *options)
    assert done.code == 2
    assert options[0] in done.err or "--insecure" in done.err


def test_without_the_extra_it_says_what_to_install(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in sys.modules if name.startswith(("preforget.serve", "uvicorn"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = terminal("serve", tmp_path)
    assert done.code == 2
    assert "pip install 'preforget[serve]'" in done.err
