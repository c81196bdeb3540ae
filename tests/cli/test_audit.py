from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from preforget.audit.result import AuditResult
from preforget.cli.main import main

from ..forked import Forked
from .conftest import Terminal, write_images

MACHINE = ("--device", "cpu", "--dtype", "float32")
FEW = ("--attacks", "mixed_stream", "membership", "--workers", "1")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("data") / "many", {"cat": 24, "dog": 24, "owl": 24})


@pytest.fixture(scope="module")
def learned(many: Path, tiny_vit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("learned") / "exact"
    options = ("--backbone", tiny_vit, "--engine", "exact", "--levels", "1", *MACHINE)
    assert main([str(option) for option in ("learn", many, "--out", place, *options)]) == 0
    return place


@pytest.fixture
def exact(learned: Path, tmp_path: Path) -> Path:
    """A copy of the learned model that a test may change."""
    return Path(shutil.copytree(learned, tmp_path / "exact"))


def test_an_audit_and_its_report(exact: Path, many: Path, terminal: Terminal) -> None:
    done = terminal("audit", exact, "--data", many, "--forget", "dog", "--seeds", "2", *FEW, *MACHINE)
    assert done.code == 0, done.err
    assert "0 different, 0 undecided with 2 seeds" in done.out
    place = exact.with_name("exact.audit")
    assert sorted(path.name for path in place.iterdir()) == ["audit.html", "audit.json"]
    result = AuditResult.from_dict(json.loads((place / "audit.json").read_bytes()))
    assert result.passed
    assert result.command.split()[:3] == ["preforget", "audit", str(exact)]
    assert "dog" in (place / "audit.html").read_text()
    rows = terminal("ledger", "export", exact, "--json").json["entries"]
    # the work folder is in the list of copies before it is made, until it is gone
    assert [row["event"] for row in rows[-3:]] == ["copy", "audit", "copy"]
    assert rows[-2]["data"]["kind"] == "attacks-quick"
    assert rows[-2]["data"]["passed"] is True
    assert "dog" not in json.dumps(rows)
    assert "dog" not in done.err
    assert "dog" in terminal("classes", exact).out  # nothing was forgotten


def test_of_a_sealed_model_the_report_hides_names_and_is_not_replaced(
    exact: Path, many: Path, tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "there"
    # a keyring of its own: the one of the other tests would refuse their plain copies of the model from then on
    monkeypatch.setenv("PREFORGET_KEYRING", str(tmp_path / "keyring"))
    assert terminal("seal", exact).code == 0
    options = ("--seeds", "2", "--out", place, "--json", *FEW, *MACHINE)
    done = terminal("audit", exact, "--data", many, "--forget", "dog", *options)
    assert done.code == 0, done.err
    again = terminal("audit", exact, "--data", many, "--forget", "dog", *options)
    assert (again.code, "give --force to replace it" in again.err) == (2, True)
    assert terminal("copies", exact, "--json").json["copies"] == []
    assert done.json["passed"] is True
    assert done.json["report"] == str(place / "audit.html")
    for name in ("audit.html", "audit.json"):
        assert "dog" not in (place / name).read_text().replace(str(many), "")


def test_what_one_seed_can_not_decide_fails_if_asked(exact: Path, many: Path, terminal: Terminal) -> None:
    asked = ("audit", exact, "--data", many, "--forget", "dog", "--seeds", "1", *FEW, *MACHINE)
    assert terminal(*asked, "--strict").code == 4


def test_a_difference_is_exit_code_4_and_in_the_ledger(
    exact: Path, many: Path, tmp_path: Path, terminal: Terminal
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for old, new in (("cat", "owl"), ("owl", "cat"), ("dog", "dog")):
        (other / new).symlink_to(many / old)
    done = terminal("audit", exact, "--data", other, "--forget", "dog", *FEW, *MACHINE)
    assert done.code == 4, done.err
    assert "different" in done.out
    assert terminal("ledger", "export", exact, "--json").json["entries"][-2]["data"]["passed"] is False


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        (("--forget", "cow"), 1, "no input of class 'cow'"),
        (("--forget", "dog", "--suite", "all"), 2, "unknown suite 'all'"),
        (("--forget", "dog", "--attacks", "charm"), 2, "unknown attack 'charm'"),
        (("--forget", "dog", "cat"), 2, "at least two classes must stay"),
        (("--forget", "dog", "--workers", "0"), 2, "workers must be a whole number of at least 1"),
    ],
)
def test_refusals(
    exact: Path, many: Path, terminal: Terminal, asked: tuple[str, ...], code: int, message: str
) -> None:
    done = terminal("audit", exact, "--data", many, *asked, *MACHINE)
    assert done.code == code
    assert message in done.err


def finished(results: Path) -> list[Path]:
    """The results written whole: one on its way has a name that begins with a dot."""
    return sorted(path for path in results.glob("*.json") if not path.name.startswith("."))


def test_killed_it_goes_on(exact: Path, many: Path, terminal: Terminal) -> None:
    asked = ("audit", exact, "--data", many, "--forget", "dog", "--seeds", "2", *FEW, *MACHINE)
    results = exact.with_name("exact.audit") / "work" / "results"
    child = Forked(lambda: main([str(word) for word in asked]))
    while len(finished(results)) < 4 and child.poll() is None:
        time.sleep(0.01)
    child.send(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    kept = finished(results)
    assert len(kept) >= 4
    before = kept[0].stat().st_mtime_ns
    watched = exact.with_name("watched")
    os.link(kept[0], watched)
    done = terminal(*asked)
    assert done.code == 0, done.err
    assert watched.stat().st_mtime_ns == before
    assert not results.exists()


def test_attacks_are_listed_and_unknown_ones_refused_before_anything_is_read(terminal: Terminal) -> None:
    assert "mixed_stream, abstention, " in " ".join(terminal("audit", "--help").out.split())
    done = terminal("audit", "no-model", "--data", "no-data", "--forget", "dog", "--attacks", "charm")
    assert (done.code, "unknown attack 'charm'" in done.err) == (2, True)
