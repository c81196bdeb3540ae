from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import rfc8785

from preforget.store import ModelFolder
from preforget.store.ledger import read_export

from .conftest import COLOURS, Terminal

Files = Callable[[Path], dict[str, bytes]]


@pytest.fixture
def at(tmp_path: Path) -> tuple[str, Path]:
    return "--keyring", tmp_path / "own keyring"


@pytest.fixture
def changed(model: Path, at: tuple[str, Path], terminal: Terminal) -> Path:
    """A model to which several things have happened."""
    for args in (
        ("detach", model, "dog"),
        ("attach", model, "dog"),
        ("copies", model, "--add", "hub", "the-cat-lover/model"),
        ("forget", model, "dog", "--yes", "--reason", "request 7"),
        ("seal", model),
    ):
        assert terminal(*args, *at).code == 0
    return model


# the first copy: the checkpoint, which is in the list until it is removed
EVENTS = ["learn", "copy", "detach", "attach", "copy", "derive", "forget", "erased", "seal"]


def test_verified(changed: Path, at: tuple[str, Path], terminal: Terminal) -> None:
    done = terminal("ledger", "verify", changed, *at)
    assert (done.code, done.err) == (0, "")
    found = re.fullmatch(r"verified  9 rows; head (9:sha256:[0-9a-f]{64})\n", done.out)
    assert found is not None
    assert terminal("ledger", "verify", changed, *at, "--json").json == {
        "model": ModelFolder.open(changed, at[1]).manifest.model,
        "rows": 9,
        "head": found[1],
    }


def test_shown(changed: Path, at: tuple[str, Path], terminal: Terminal) -> None:
    done = terminal("ledger", "show", changed, *at)
    assert (done.code, done.err) == (0, "")
    rows = [line.split() for line in done.out.splitlines()]
    assert [row[0] for row in rows] == [str(n) for n in range(1, 10)]
    assert [row[2] for row in rows] == EVENTS
    assert [" ".join(row[3:]) for row in rows if row[2] in {"learn", "forget", "erased"}] == [
        *("4 records", "2 records", "")
    ]
    entries = terminal("ledger", "show", changed, *at, "--json").json["entries"]
    assert [entry["event"] for entry in entries] == EVENTS
    assert entries[6]["data"]["what"] == "class"


def test_exported_and_checked_without_this_package(
    changed: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path
) -> None:
    done = terminal("ledger", "export", changed, *at)
    assert (done.code, done.err) == (0, "")
    previous, model = f"sha256:{'0' * 64}", ModelFolder.open(changed, at[1]).manifest.model
    for number, line in enumerate(done.out.splitlines(), 1):
        row = json.loads(line)
        assert rfc8785.dumps(row) == line.encode()
        assert (row["seq"], row["previous"], row["model"]) == (number, previous, model)
        previous = row.pop("hash")
        assert previous == f"sha256:{hashlib.sha256(rfc8785.dumps(row)).hexdigest()}"
    assert terminal("ledger", "verify", changed, *at, "--json").json["head"] == f"9:{previous}"
    assert [entry.event for entry in read_export(done.out, model)] == EVENTS


def test_exported_to_a_file(changed: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    file.write_text("an older one")
    assert terminal("ledger", "export", changed, *at, "--out", file).code == 2
    assert file.read_text() == "an older one"
    done = terminal("ledger", "export", changed, *at, "--out", file, "--force")
    assert (done.code, done.out) == (0, f"exported  9 rows to {file}\n")
    assert file.read_text() == terminal("ledger", "export", changed, *at).out
    done = terminal("ledger", "export", changed, *at, "--out", file, "--force", "--json")
    assert done.json == {"rows": 9, "out": str(file)}


def test_as_json_the_rows_are_printed_too(changed: Path, at: tuple[str, Path], terminal: Terminal) -> None:
    found = terminal("ledger", "export", changed, *at, "--json").json
    assert found["rows"] == 9
    assert sum(isinstance(value, list) and len(value) == 9 for value in found.values()) == 1


def test_a_place_where_nothing_can_be_written(
    changed: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "nowhere" / "file", tmp_path, tmp_path / "pipe", Path("/dev/null")):
        before = place.lstat() if place.exists() else None
        done = terminal("ledger", "export", changed, *at, "--out", place, "--force")
        assert (done.code, done.out) == (2, "")
        assert "is no plain file" in done.err or "make that folder first" in done.err
        assert before is None or (place.lstat().st_ino, place.lstat().st_mode) == (
            before.st_ino,
            before.st_mode,
        )


def test_an_export_does_not_replace_a_part_of_the_model(
    changed: Path, at: tuple[str, Path], terminal: Terminal, files_in: Files
) -> None:
    before = files_in(changed)
    for name in ("ledger.sqlite3", "ledger.jsonl"):
        done = terminal("ledger", "export", changed, *at, "--out", changed / name)
        assert (done.code, done.out) == (2, "")
        assert files_in(changed) == before


@pytest.mark.parametrize("args", [("show",), ("export",), ("verify",)])
def test_no_label_anywhere(
    changed: Path, at: tuple[str, Path], terminal: Terminal, args: tuple[str, ...]
) -> None:
    for more in ((), ("--json",)):
        done = terminal("ledger", *args, changed, *at, *more)
        text = (done.out + done.err).replace(str(changed), "")
        for name in (*COLOURS, "lover", "request 7"):
            assert not re.search(rf"\b{name}\b", text)


# --- heads that are known from elsewhere


def test_an_earlier_head_is_in_the_ledger(model: Path, at: tuple[str, Path], terminal: Terminal) -> None:
    heads = []
    for args in (("detach", model, "dog"), ("attach", model, "dog"), ("forget", model, "dog", "--yes")):
        heads.append(terminal("ledger", "verify", model, *at, "--json").json["head"])
        assert terminal(*args, *at).code == 0
    heads.append(terminal("ledger", "verify", model, *at, "--json").json["head"])
    assert len(set(heads)) == 4
    for head in (f"0:sha256:{'0' * 64}", *heads):
        assert terminal("ledger", "verify", model, *at, "--head", head).code == 0


def test_a_ledger_that_was_rolled_back(
    model: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path
) -> None:
    backup = Path(shutil.copytree(model, tmp_path / "backup"))
    assert terminal("forget", model, "dog", "--yes", *at).code == 0
    head = terminal("ledger", "verify", model, *at, "--json").json["head"]
    assert terminal("ledger", "verify", backup, *at).code == 0  # by itself it is whole
    done = terminal("ledger", "verify", backup, *at, "--head", head)
    assert (done.code, done.out) == (3, "")
    assert f"row 5 with that hash is not in the ledger of {backup}: it was rolled back" in done.err


@pytest.mark.parametrize("seq", [0, 1, 4, 9, 10, 10**14])
def test_an_unknown_head(changed: Path, at: tuple[str, Path], terminal: Terminal, seq: int) -> None:
    done = terminal("ledger", "verify", changed, *at, "--head", f"{seq}:sha256:{'ab' * 32}")
    assert (done.code, done.out) == (3, "")
    assert f"row {seq} with that hash is not in the ledger" in done.err


@pytest.mark.parametrize("head", ["", "7", "sha256:" + 64 * "a", "7:sha256:abc", f"-1:sha256:{'a' * 64}"])
def test_no_head(changed: Path, at: tuple[str, Path], terminal: Terminal, head: str) -> None:
    done = terminal("ledger", "verify", changed, *at, f"--head={head}")
    assert (done.code, done.out) == (2, "")
    assert "is no ledger head; it looks like 12:sha256:" in done.err


@pytest.mark.parametrize(
    "args", [("show", "--head", f"1:sha256:{'a' * 64}"), ("show", "--out", "x"), ("verify", "--out", "x")]
)
def test_options_of_another_action_are_not_passed_over(
    changed: Path,
    at: tuple[str, Path],
    terminal: Terminal,
    args: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = terminal("ledger", args[0], changed, *args[1:], *at)
    assert (done.code, done.out) == (2, "")
    assert args[1] in done.err


# --- damage


def test_any_flipped_bit_is_found(changed: Path, at: tuple[str, Path], terminal: Terminal) -> None:
    path = changed / "ledger.sqlite3"
    content, rng = path.read_bytes(), random.Random(0)
    for bit in [0, 8 * 18, 8 * 24, 8 * 99, 8 * len(content) - 1, *rng.choices(range(8 * len(content)), k=25)]:
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        done = terminal("ledger", "verify", changed, *at)
        assert (done.code, done.out) == (3, ""), bit
        assert done.err.count("\n") == 1
        path.write_bytes(content)
    assert terminal("ledger", "verify", changed, *at).code == 0


def test_a_ledger_of_an_earlier_day_or_none(
    model: Path, at: tuple[str, Path], terminal: Terminal, files_in: Files
) -> None:
    path = model / "ledger.sqlite3"
    older = path.read_bytes()
    assert terminal("detach", model, "dog", *at).code == 0
    path.write_bytes(older)
    for action in ("verify", "show", "export"):
        done = terminal("ledger", action, model, *at)
        assert (done.code, done.out) == (3, "")
        assert "lacks row 3, which the manifest knows: it was cut or exchanged" in done.err
    path.unlink()
    done = terminal("ledger", "show", model, *at)
    assert (done.code, done.out) == (3, "")
    assert "the ledger is missing" in done.err
    path.write_bytes(b"")
    assert terminal("ledger", "show", model, *at).code == 3


def test_no_model(tmp_path: Path, at: tuple[str, Path], terminal: Terminal) -> None:
    done = terminal("ledger", "verify", tmp_path / "none", *at)
    assert (done.code, done.out) == (2, "")
    assert "does not exist" in done.err
    assert terminal("ledger", "burn", tmp_path, *at).code == 2
