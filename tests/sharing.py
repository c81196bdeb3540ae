"""How several processes share the tests (pytest-xdist, `--dist loadfile`): who collects what first, what runs where."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
WHOLE = ("benchmark", "audit", "baselines", "docs")
"""Rooms whose files run in one process, since they share models that take seconds to learn."""
FIRST = (*WHOLE, "erasure", "cli", "demo", "classifier", "store", "hostile", "browser")
"""Rooms that begin: the longest, so that the last are short and no process waits for another."""


def unit_of(test: str) -> str:
    """Return what runs in one process: a file, or one of the whole rooms."""
    file = test.split("::")[0]
    room = file.split("/")[1]
    return room if room in WHOLE else file


def rank_of(path: Path) -> tuple[int, str]:
    """Return a key by which files are sorted."""
    room, *_ = path.relative_to(TESTS).parts
    return (FIRST.index(room) if room in FIRST else len(FIRST), str(path))


def is_other(config: pytest.Config) -> bool:
    """Tell whether this is every second of the processes that share the tests."""
    worker = getattr(config, "workerinput", {}).get("workerid", "gw0")
    return int(worker.removeprefix("gw")) % 2 == 1


def from_the_end(arguments: Sequence[str]) -> list[str]:
    """Return the arguments that collect all tests in the opposite order.

    Every process collects all tests. In a fresh checkout most of that time goes into compiling them, and a process
    finds what another has compiled: two that begin at opposite ends compile half each.
    """
    if [Path(argument).absolute() for argument in arguments] != [TESTS]:
        return list(arguments)
    inside = (path for path in TESTS.iterdir() if path.is_dir() or path.match("test_*.py"))
    return [str(path) for path in sorted(inside, reverse=True) if path.name != "__pycache__"]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep some rooms together."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByRoom(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit_of(nodeid)

    return ByRoom(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """Let every second process collect from the end."""
    if is_other(config):
        config.args[:] = from_the_end(config.args)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Bring the tests into the order of `rank_of` in which every process has them."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: rank_of(item.path))
