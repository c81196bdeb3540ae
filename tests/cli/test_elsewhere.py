"""Executors that a command line asks for, and what they leave in a model's list of copies."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from preforget.cli.elsewhere import add_on, executor_of, list_cluster, listed
from preforget.jobs.executor import Here

from .conftest import Terminal


def test_processes_leave_no_copies() -> None:
    parser = ArgumentParser()
    add_on(parser)
    executor = executor_of(parser.parse_args(["--on", "processes", "--workers", "1"]))
    assert isinstance(executor, Here)
    with listed(executor, None):
        list_cluster(executor, None)


def test_commands_answer_alike_elsewhere(model: Path, pets: Path, tmp_path: Path, terminal: Terminal) -> None:
    work = ("--on", "processes", "--workers", 1, "--work", tmp_path / "work")
    for words in (("predict", model, pets / "owl"), ("evaluate", model, pets, "--part", "train")):
        here, elsewhere = terminal(*words, "--json"), terminal(*words, "--json", *work)
        assert elsewhere.code == 0, elsewhere.err
        assert elsewhere.json == here.json
        assert not (tmp_path / "work").exists()
    assert terminal("copies", model, "--json").json["copies"] == []
    for more, reason in ((("--workers", 2), "--on"), (("--work", tmp_path), "--on")):
        refused = terminal("predict", model, pets, *more)
        assert (refused.code, reason in refused.err) == (2, True)
