"""Words for places where jobs run."""

from __future__ import annotations

import sys

import pytest

from preforget.core.errors import UsageError
from preforget.jobs.executor import Here, Pool
from preforget.jobs.places import executor_on


def test_processes_of_this_machine() -> None:
    assert isinstance(executor_on(None, 1), Here)
    assert isinstance(executor_on("processes", 2), Pool)


@pytest.mark.parametrize("where", ["", "spark", "ray:", "ray://", "rays"])
def test_no_place(where: str) -> None:
    with pytest.raises(UsageError, match="choose one of: processes, ray"):
        executor_on(where)


@pytest.mark.parametrize("where", ["ray", "ray:auto", "ray://head:10001"])
def test_ray_that_is_not_installed(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # what an installation without the extra finds
    with pytest.raises(UsageError, match="Ray isn't installed"):
        executor_on(where)
