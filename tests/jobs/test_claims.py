from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from preforget.core.errors import StoreError
from preforget.jobs.claims import Owner, born, claim, is_claimed, is_gone

RACE = """
import sys, time
from pathlib import Path
from preforget.jobs.claims import claim
folder, me = Path(sys.argv[1]), sys.argv[2]
(folder / f"ready.{me}").touch()
while len(list(folder.glob("ready.*"))) < 2:
    time.sleep(0.001)
for number in range(200):
    with claim(folder / "claims", f"piece{number}") as ours:
        done = folder / f"done{number}"
        if ours and not done.exists():
            with (folder / f"by{number}.{me}").open("x") as file:
                file.write(me)
            done.touch()
"""
HOLD = """
import sys, time
from pathlib import Path
from preforget.jobs.claims import claim
with claim(Path(sys.argv[1]), "piece") as ours:
    print(ours, flush=True)
    time.sleep(60)
"""


def test_of_two_processes_one_has_each(tmp_path: Path) -> None:
    both = [subprocess.Popen([sys.executable, "-c", RACE, str(tmp_path), me]) for me in "ab"]
    assert [process.wait(60) for process in both] == [0, 0]
    for number in range(200):
        assert len(list(tmp_path.glob(f"by{number}.*"))) <= 1
    assert len(list(tmp_path.glob("by*"))) == 200
    assert list((tmp_path / "claims").iterdir()) == []


def test_a_killed_process_loses_its_claim(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    with claim(tmp_path, "piece") as ours:
        assert not ours
    assert is_claimed(tmp_path, "piece")
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert not is_claimed(tmp_path, "piece")
    with claim(tmp_path, "piece") as ours, claim(tmp_path, "piece") as again:
        assert (ours, again) == (True, False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("age", "held"), [(10.0, True), (100.0, False)])
def test_another_host_is_believed_for_a_while(tmp_path: Path, age: float, held: bool) -> None:
    owner = Owner("elsewhere", 1, time.time() - age)
    (tmp_path / "piece.0").write_text(json.dumps(asdict(owner)))
    assert is_claimed(tmp_path, "piece", 50.0) is held
    with claim(tmp_path, "piece", 50.0) as ours:
        assert ours is not held


def test_an_empty_claim_is_taken_over_after_a_minute(tmp_path: Path) -> None:
    path = tmp_path / "piece.0"
    path.touch()
    assert is_claimed(tmp_path, "piece")
    os.utime(path, (time.time() - 120,) * 2)
    assert not is_claimed(tmp_path, "piece")


def test_a_slow_owner_that_was_taken_over_leaves_the_new_claim(tmp_path: Path) -> None:
    with claim(tmp_path, "piece") as slow:
        assert slow
        (old,) = tmp_path.iterdir()
        owner = json.loads(old.read_text())
        old.write_text(json.dumps({**owner, "time": owner["time"] - 100}))  # begun long ago
        new = claim(tmp_path, "piece", 50.0)
        assert new.__enter__()
    assert is_claimed(tmp_path, "piece")  # the slow one has ended since
    new.__exit__(None, None, None)
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=20, deadline=None)
@given(
    ages=st.lists(st.floats(0, 1e6), min_size=1, max_size=5),
    numbers=st.sets(st.integers(0, 30), min_size=5, max_size=5),
    limit=st.floats(100, 1e5),
)
def test_the_newest_claim_decides(
    tmp_path_factory: pytest.TempPathFactory, ages: list[float], numbers: set[int], limit: float
) -> None:
    """Whatever older generations are left: a run that did the work removes them, and one that failed does not."""
    assume(abs(ages[-1] - limit) > 60)  # nothing gets too old while the test runs
    folder = tmp_path_factory.mktemp("claims")
    for number, age in zip(sorted(numbers), ages, strict=False):
        owner = Owner("elsewhere", 1, time.time() - age)
        (folder / f"piece.{number}").write_text(json.dumps(asdict(owner)))
    before = sorted(path.name for path in folder.iterdir())
    held = ages[-1] <= limit
    assert is_claimed(folder, "piece", limit) == held
    with contextlib.suppress(KeyError), claim(folder, "piece", limit) as ours:
        assert ours != held
        raise KeyError
    assert sorted(path.name for path in folder.iterdir()) == before
    with claim(folder, "piece", limit):
        pass
    assert sorted(path.name for path in folder.iterdir()) == (before if held else [])


def test_names_are_taken_as_they_are(tmp_path: Path) -> None:
    """One that begins like another, or holds what a shell would expand, is another piece."""
    names = ["a", "a.1", "a*", "a[1]", "[a]", "a.b"]
    with contextlib.ExitStack() as stack:
        for number, name in enumerate(names):
            assert stack.enter_context(claim(tmp_path, name))
            assert is_claimed(tmp_path, name)
            assert [is_claimed(tmp_path, other) for other in names[number + 1 :]] == [False] * (5 - number)
    assert list(tmp_path.iterdir()) == []


def test_an_error_gives_the_claim_back(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), claim(tmp_path, "piece"):
        raise RuntimeError
    assert not is_claimed(tmp_path, "piece")


def test_owners() -> None:
    me = Owner.me()
    assert not is_gone(me)
    assert born(os.getpid()) == me.born
    assert is_gone(Owner(me.host, me.pid, me.time, (me.born or 0) + 1))
    assert not is_gone(Owner("elsewhere", me.pid, me.time, 0))


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="can't be written"), claim(tmp_path / "file" / "claims", "piece"):
        pass
