from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from preforget.baselines import METHODS
from preforget.benchmark.context import begin
from preforget.benchmark.matrix_file import matrix_of
from preforget.benchmark.own_method import load_method
from preforget.benchmark.run import run
from preforget.benchmark.tables import results_of
from preforget.core.errors import UsageError
from preforget.jobs.executor import Pool

MINE = '''
from dataclasses import dataclass
from preforget.baselines import METHODS, Method, Options

@dataclass(frozen=True)
class MineConfig(Options):
    factor: float = 0.0

@METHODS.register("{name}")
class Mine(Method):
    """Multiply the head's rows of what is forgotten."""
    name, source, config_type = "{name}", "nobody", MineConfig

    def unlearn(self, original, forget, retain, generator):
        parameters = {{key: value.clone() for key, value in original.parameters.items()}}
        for label in set(forget.labels):
            row = original.labels.index(label)
            parameters["head.weight"][row] *= self.config.factor
            parameters["head.bias"][row] = -100.0
        return original.changed(parameters, original.labels)
'''


@pytest.fixture
def clean() -> Iterator[None]:
    """Take out of the table what a test enters."""
    before = dict(METHODS.items())  # all of ours are found first
    yield
    METHODS._entries.clear()
    METHODS._entries.update(before)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.usefixtures("clean")
def test_a_method_of_ones_own_runs_in_fresh_processes_and_stands_in_the_table(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    write(tmp_path / "mine.py", MINE.format(name="mine"))
    entry = {"name": "mine", "file": "mine.py", "search": {"factor": [0.0, 0.5]}}
    matrix = matrix_of(
        {**values, "engines": [], "methods": [entry], "trials": 1, "measures": ["fa"]},
        "own.toml",
        "own",
        tmp_path,
    )
    context = begin(matrix, tmp_path / "out", device="cpu")
    run(context, Pool(workers=1, threads=1))
    (row,) = results_of(context).rows
    assert (row.who, row.failed, row.values["fa"].mean) == ("mine", (), 0.0)


@pytest.mark.usefixtures("clean")
def test_it_is_run_once_and_only_as_it_was(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.py", MINE.format(name="once"))
    digest = load_method("once", file)
    assert load_method("once", file, digest) == digest
    write(file, MINE.format(name="once") + "\n")
    with pytest.raises(UsageError, match=r"mine\.py has changed since the benchmark began"):
        load_method("once", file, digest)


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "can't be read: No such file"),
        ("x = 1\n", "registers no method 'own'; write @METHODS.register"),
        ("x = \n", "SyntaxError"),
        ("import nothing_like_this\n", "ModuleNotFoundError"),
        (MINE.format(name="scrub"), "'scrub' is registered twice"),
    ],
)
def test_a_file_that_cant_be_used_is_named(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "own.py"
    if text is not None:
        write(file, text)
    with pytest.raises(UsageError, match=rf"own\.py.*{said}"):
        load_method("own", file)


def test_a_shipped_method_isnt_taken_for_ones_own(tmp_path: Path) -> None:
    file = write(tmp_path / "empty.py", "y = 1\n")
    with pytest.raises(UsageError, match="registers no method 'scrub'"):
        load_method("scrub", file)
