from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass, fields
from typing import Any

import pytest

from preforget.cli import engine_options
from preforget.cli.engine_options import add_engine_options, given_options, named_engine
from preforget.cli.main import build_parser
from preforget.core.errors import UsageError
from preforget.core.options import option
from preforget.engines.options import OPTIONS, EngineOptions


def parsed(*arguments: str) -> argparse.Namespace:
    return build_parser(arguments).parse_args(["learn", "digits", "--out", "m", *arguments])


@pytest.mark.parametrize("engine", sorted(OPTIONS))
def test_every_field_of_our_engines_has_its_option(engine: str) -> None:
    for field in fields(OPTIONS[engine]):
        if field.name == "seed":
            continue
        flag = f"--{field.name.replace('_', '-')}"
        text = isinstance(field.default, str)
        given = [flag] if isinstance(field.default, bool) else [flag, "h" if text else "3"]
        options = given_options(parsed("--engine", engine, *given), engine)
        assert options == {field.name: True if len(given) == 1 else "h" if text else 3}
        OPTIONS[engine].from_options(options)


def test_what_is_not_given_is_left_to_the_engine() -> None:
    assert given_options(parsed(), "isolated") == {}
    assert given_options(parsed("--no-final-norm", "--tokens", "2"), "paper") == {
        "final_norm": False,
        "tokens_per_class": 2,
    }


def test_an_option_of_another_engine_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(
        UsageError, match=r"the exact engine has no option --epochs; it has: --energy-depth, .*steps"
    ):
        given_options(parsed("--engine", "exact", "--epochs", "3"), "exact")


@dataclass(frozen=True)
class Theirs(EngineOptions):
    depth: float | None = option(None, "how deep, 100 % of it", "D")
    out: str = option("there", "where")
    epochs: float = option(0.5, "parts of a pass")
    kind: Any = "free"


def test_options_of_an_extension_are_added_where_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_options, "options_of", lambda engine: {"theirs": Theirs}[engine])
    parser = argparse.ArgumentParser()
    parser.add_argument("--out")
    add_engine_options(parser, "theirs")
    args = parser.parse_args(["--depth", "1.5", "--engine-out", "here", "--epochs", "0.5", "--kind", "x"])
    assert given_options(args, "theirs") == {"depth": 1.5, "out": "here", "epochs": 0.5, "kind": "x"}
    text = " ".join(parser.format_help().split())
    assert "theirs: how deep, 100 % of it" in text
    assert "isolated: passes over the data; by default as many as make 800 steps" in text


def test_an_engine_that_is_not_there_is_said_when_the_command_runs() -> None:
    args = parsed("--engine", "nothing", "--epochs", "3")
    with pytest.raises(UsageError, match="unknown engine 'nothing'; choose one of: exact"):
        given_options(args, "nothing")


@pytest.mark.parametrize(
    ("arguments", "engine"),
    [
        ([], "isolated"),
        (["--engine", "x", "--engine=y"], "y"),
        (["--engine"], "isolated"),
        (["--", "--engine", "x"], "isolated"),
    ],
)
def test_the_engine_that_a_command_line_names(arguments: list[str], engine: str) -> None:
    assert named_engine(arguments) == engine


def test_listing_the_options_loads_nothing_heavy() -> None:
    code = (
        "import sys; from preforget.cli.main import main; main(['learn', '--help'])\n"
        "print([m for m in ('torch', 'numpy', 'importlib.metadata', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "--final-norm" in done.stdout
