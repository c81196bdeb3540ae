"""One option for how answers are printed."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import pytest

from preforget.cli.answer_format import FORMATS, add_format, choose_format, table_line
from preforget.cli.console import Console
from preforget.core.errors import UsageError


@pytest.mark.parametrize("form", FORMATS)
def test_one_format_is_chosen(form: str) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    add_format(parser)
    console = Console(io.StringIO(), as_json=False)
    assert choose_format(parser.parse_args(["--format", form]), console) == form
    assert console.as_json == (form == "json")
    both = parser.parse_args(["--format", form, "--json"])
    if form in ("tsv", "csv"):
        with pytest.raises(UsageError, match="two ways to print"):
            choose_format(both, console)
    else:
        assert choose_format(both, console) == "json"


@pytest.mark.parametrize(
    ("name", "option", "form"),
    [
        ("a.CSV", None, "csv"),
        ("a.json", None, "json"),
        ("a.txt", None, "text"),
        ("a.csv", "tsv", "tsv"),
        ("a", None, "text"),
    ],
)
def test_the_ending_of_a_file_says_the_format(name: str, option: str | None, form: str) -> None:
    console = Console(io.StringIO(), as_json=False)
    assert choose_format(argparse.Namespace(json=False, format=option), console, Path(name)) == form
    assert console.as_json == (form == "json")


def test_commas_are_quoted() -> None:
    assert table_line(["a, b", 1], "csv") == '"a, b",1'
    assert table_line(["a, b", 1], "tsv") == "a, b\t1"
