from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from preforget.cli.main import build_parser

SRC = Path(__file__).parents[2] / "src"


def parsed(*arguments: str) -> dict[str, object]:
    values = vars(build_parser(arguments).parse_args(arguments))
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in values.items()
        if name != "run"
    }


@pytest.mark.parametrize(
    ("command", "names", "options"),
    [
        ("forget", ["m", "a"], [["--yes"], ["--reason", "R1"]]),
        ("learn", ["DATA"], [["--out", "m"], ["--folds", "1", "2"], ["--no-download"]]),
        ("add", ["m", "c", "new"], [["--seed", "3"], ["--skip-broken"]]),
        ("add", ["m", "c", "d", "new"], [["--more"], ["--subjects", "1"]]),
        ("add", ["m"], [["--into", "a"], ["--from", "b"]]),
        ("rename", ["m", "a", "b"], [["--keep-similar-names"], ["--device", "cpu"]]),
        ("evaluate", ["m", "d"], [["--part", "test"], ["--csv"]]),
        ("detach", ["m", "a", "b"], [["--json"]]),
        ("copies", ["m"], [["--add", "backup", "/x"], ["--expires", "2027-01-31"]]),
    ],
)
def test_options_stand_anywhere(command: str, names: list[str], options: list[list[str]]) -> None:
    wanted = parsed(command, *names, *itertools.chain(*options))
    for cut in range(len(names) + 1):
        for order in itertools.permutations(options):
            assert parsed(command, *names[:cut], *itertools.chain(*order), *names[cut:]) == wanted


@pytest.mark.parametrize(
    ("arguments", "without", "files"),
    [
        (["m", "--without", "dog", "FILE"], ["dog"], ["FILE"]),
        (["m", "--without", "dog", "cat", "FILE"], ["dog", "cat"], ["FILE"]),
        (["--without", "dog", "m", "FILE"], ["dog"], ["FILE"]),
        (["m", "F1", "F2", "--without", "dog", "cat"], ["dog", "cat"], ["F1", "F2"]),
        (["m", "--without", "dog", "--without", "cat", "--", "-F"], ["dog", "cat"], ["-F"]),
        (["m", "F", "--without=dog"], ["dog"], ["F"]),
    ],
)
def test_several_values_leave_the_names_that_are_needed(
    arguments: list[str], without: list[str], files: list[str]
) -> None:
    args = parsed("predict", *arguments)
    assert (args["model"], args["without"]) == ("m", without)
    assert [str(file) for file in args["files"]] == files  # type: ignore[attr-defined]


def test_names_with_dashes_come_after_two() -> None:
    args = parsed("forget", "m", "--yes", "--", "--all")
    assert args["yes"] is True
    assert "--all" in str(args["labels"] if "labels" in args else args["label"])


def test_what_is_missing_or_unknown_is_still_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["forget"], ["learn", "d", "--nonsense", "--out", "m"], ["add", "m", "--seed"]):
        with pytest.raises(SystemExit):
            parsed(*arguments)
    assert "--nonsense" in capsys.readouterr().err


@pytest.mark.parametrize("minor", ["3.12", "3.13"])
def test_the_parser_alone_on_later_versions(minor: str) -> None:
    managed = sorted((Path.home() / ".pyenv/versions").glob(f"{minor}.*/bin/python"))
    python = next((p for p in (*managed, Path(f"/usr/bin/python{minor}")) if p.exists()), None)
    if python is None:
        pytest.skip(f"Python {minor} is not on this machine")
    asked = (
        "from preforget.cli.main import build_parser as b;"
        "p = lambda *a: b(a).parse_args(a);"
        "a = p('predict', 'm', '--without', 'dog', 'FILE');"
        "assert (a.without, str(a.files[0])) == (['dog'], 'FILE'), a;"
        "a = p('forget', 'm', '--yes', 'x'); assert a.yes, a;"
        "a = p('forget', 'm', '--yes', '--', '--all'); assert a.yes, a;"
        "a = p('learn', '--folds', '1', '2', 'D', '--out', 'm'); assert (a.folds, a.data) == ([1, 2], 'D'), a;"
        "import sys; assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [python, "-c", asked],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SRC)},
        check=False,
    )
    if "No module named 'numpy'" in done.stderr:
        pytest.fail(done.stderr)
    assert done.returncode == 0, done.stderr
    assert sys.version_info >= (3, 11)
