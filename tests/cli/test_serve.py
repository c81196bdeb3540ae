from __future__ import annotations

from pathlib import Path

import pytest

from ..forked import program
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


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    code = """
    import contextlib, io, sys
    for name in [name for name in sys.modules if name.startswith("uvicorn")]:
        del sys.modules[name]
    sys.modules["uvicorn"] = None
    from preforget.cli.main import main
    with contextlib.redirect_stderr(io.StringIO()) as err:
        print(main(["serve", sys.argv[1]]))
    print(err.getvalue())
    """
    said = program(code, tmp_path)
    assert said.startswith("2\n")
    assert "pip install 'preforget[serve]'" in said
