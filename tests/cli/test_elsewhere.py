"""Executors that a command line asks for, and what they leave in a model's list of copies."""

from __future__ import annotations

from argparse import ArgumentParser

from preforget.cli.elsewhere import add_on, executor_of, list_cluster, listed
from preforget.jobs.executor import Here


def test_processes_leave_no_copies() -> None:
    parser = ArgumentParser()
    add_on(parser)
    executor = executor_of(parser.parse_args(["--on", "processes", "--workers", "1"]))
    assert isinstance(executor, Here)
    with listed(executor, None):
        list_cluster(executor, None)
