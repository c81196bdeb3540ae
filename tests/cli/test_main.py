from __future__ import annotations

import argparse
import re
import subprocess
import sys

import pytest

from preforget import __version__
from preforget.cli import main as main_module
from preforget.cli.console import Console, Interrupted
from preforget.cli.main import COMMANDS, build_parser, main
from preforget.core.errors import StoreError

NAMES = [
    "demo",
    "learn",
    "join",
    "predict",
    "evaluate",
    "set-keep",
    "classes",
    "forget",
    "detach",
    "attach",
    "add",
    "rename",
    "subjects",
    "refit",
    "upgrade",
    "receipt",
    "seal",
    "keys",
    "ledger",
    "copies",
    "restore",
    "verify",
    "verify-page",
    "audit",
    "bench",
    "serve",
    "tokens",
    "info",
    "doctor",
    "init-ast",
]
HEAVY = ("torch", "transformers", "sklearn", "numpy", "matplotlib", "PIL", "scipy", "safetensors", "tqdm")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom preforget.cli.main import main\n"
        f"for words in [], *([name] for name in {NAMES!r}):\n"
        "    assert main([*words, '--help']) == 0\n"
        f"    assert not [m for m in {HEAVY!r} if m in sys.modules], words"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("usage: preforget") == len(NAMES) + 1


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert len(COMMANDS) == len(NAMES)
    for name in NAMES:
        assert re.search(rf"^    {name}\s", text, re.MULTILINE)
    assert "exit codes: 0 done" in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"preforget {__version__}\n"


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["burn"],
        ["learn"],
        ["learn", "digits"],
        ["learn", "digits", "--out", "m", "--epochs", "many"],
        ["learn", "digits", "--out", "m", "--epoch", "3"],
        ["predict"],
        ["verify"],
        ["rename", "model", "cat"],
        ["classes", "model", "--loud"],
    ],
)
def test_wrong_arguments_are_usage_errors(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    seen = capsys.readouterr()
    assert seen.out == ""
    assert seen.err.startswith("usage: preforget")


def raising(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `preforget fail` be a command that raises `error`."""

    def run(args: argparse.Namespace, console: Console) -> int:
        raise error

    def parser(arguments: object) -> argparse.ArgumentParser:
        made = argparse.ArgumentParser()
        made.set_defaults(run=run, json=False)
        return made

    monkeypatch.setattr(main_module, "build_parser", parser)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (StoreError("the folder is gone"), 1, "preforget: the folder is gone\n"),
        (KeyboardInterrupt(), 130, "preforget: interrupted\n"),
        (Interrupted("a checkpoint is left"), 130, "preforget: a checkpoint is left\n"),
        (OSError(28, "No space left on device", "m/x"), 1, "preforget: m/x: No space left on device\n"),
        (PermissionError(13, "Permission denied", "m/x"), 1, "preforget: m/x: Permission denied\n"),
    ],
)
def test_known_errors_are_one_line(
    error: BaseException,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    raising(error, monkeypatch)
    assert main([]) == code
    assert capsys.readouterr() == ("", line)


@pytest.mark.parametrize(
    "error", [ValueError("our mistake"), OSError("no number"), FileNotFoundError(2, "gone")]
)
def test_unexpected_errors_keep_their_traceback(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(error, monkeypatch)
    with pytest.raises(type(error)) as caught:
        main([])
    assert caught.value is error


def test_what_a_library_prints_does_not_reach_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(args: argparse.Namespace, console: Console) -> int:
        print("LOAD REPORT")
        console.result({"answer": 42})
        return 4

    parser = build_parser()
    parser.parse_args = lambda argv: argparse.Namespace(run=run, json=True)  # type: ignore[assignment, method-assign]
    monkeypatch.setattr(main_module, "build_parser", lambda _: parser)
    assert main([]) == 4
    seen = capsys.readouterr()
    assert seen.out == '{\n  "answer": 42\n}\n'
    assert seen.err == "LOAD REPORT\n"
