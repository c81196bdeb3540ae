"""Answers go to standard output or into a file."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import pytest

from preforget.cli.answer_file import Output, add_out
from preforget.cli.answer_format import add_format
from preforget.cli.console import Console
from preforget.core.errors import UsageError


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    add_format(parser)
    add_out(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("into_file", [False, True])
def test_the_same_answers_either_way(tmp_path: Path, as_json: bool, into_file: bool) -> None:
    file, said = tmp_path / "a.txt", io.StringIO()
    args = parsed(*(["--json"] if as_json else []), *(["--out", str(file)] if into_file else []))
    Output.of(args, Console(said, as_json)).write(["one", "two"], {"model": "m", "x": [1, 2]}, 2)
    answers = file.read_text(encoding="utf-8") if into_file else said.getvalue()
    assert json.loads(answers)["x"] == [1, 2] if as_json else answers == "one\ntwo\n"
    if into_file and as_json:
        assert json.loads(said.getvalue()) == {"model": "m", "out": str(file), "answers": 2}
    elif into_file:
        assert said.getvalue() == f"2 answers written to {file}\n"


def test_nothing_is_replaced_without_being_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        Output.of(parsed("--out", str(tmp_path / "a.csv")), Console(io.StringIO(), False))
    assert (
        Output.of(parsed("--out", str(tmp_path / "a.csv"), "--force"), Console(io.StringIO(), False)).form
        == "csv"
    )
