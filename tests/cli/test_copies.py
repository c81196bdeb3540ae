from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from preforget.classifier import PreForgettableClassifier

from .conftest import Terminal

Files = Callable[[Path], dict[str, bytes]]


@pytest.fixture
def at(tmp_path: Path) -> tuple[str, Path]:
    return "--keyring", tmp_path / "own keyring"


def test_none_at_first(model: Path, at: tuple[str, Path], terminal: Terminal) -> None:
    done = terminal("copies", model, *at)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert terminal("copies", model, *at, "--json").json == {"model": str(model), "copies": []}


def test_entered_listed_and_struck_out(model: Path, at: tuple[str, Path], terminal: Terminal) -> None:
    done = terminal("copies", model, "--add", "hub", "somebody/model", *at)
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(r"[0-9a-f]{32}  hub         somebody/model\n", done.out)
    done = terminal("copies", model, "--add", "backup", "tape 7", "--expires", "2999-01-31", *at)
    assert done.out.splitlines()[1].endswith("  backup      tape 7  until 2999-01-31")
    copies = terminal("copies", model, *at, "--json").json["copies"]
    assert [copy["id"] for copy in copies] == sorted(copy["id"] for copy in copies)
    by_kind = {copy["kind"]: copy for copy in copies}
    assert set(by_kind["hub"]) == {"id", "kind", "place", "time", "expires", "sealed", "delete"}
    assert by_kind["backup"]["expires"] == "2999-01-31"
    done = terminal("copies", model, "--remove", by_kind["hub"]["id"], *at)
    assert done.code == 0
    assert "hub" not in done.out
    assert len(terminal("copies", model, *at, "--json").json["copies"]) == 1


def test_a_copy_to_delete(model: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(model, tmp_path / "copy"))
    done = terminal("copies", model, "--add", "export", copy, "--delete", *at)
    assert done.out.endswith(f"{copy}  deleted by forget --delete-copies\n")
    done = terminal("forget", model, "cat", "--yes", *at)
    assert "out of our control" in done.out
    assert copy.exists()  # nothing is deleted on the word of a list alone
    done = terminal("forget", model, "dog", "--yes", "--delete-copies", *at)
    assert done.code == 0
    assert f"copy       export at {copy}" in done.err  # said before anything happens
    assert "removed, deleted as a whole" in done.out
    assert not copy.exists()


def test_what_will_be_deleted_is_said_before(
    model: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path
) -> None:
    place = tmp_path / "copy"
    place.mkdir()
    assert terminal("copies", model, "--add", "cache", place, "--delete", *at).code == 0
    done = terminal("forget", model, "dog", "--yes", "--delete-copies", *at)
    (line,) = [line for line in done.err.splitlines() if str(place) in line]
    assert "delete" in line


def test_forget_says_what_became_of_each(
    model: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path
) -> None:
    for kind, place, *more in (
        ("hub", "somebody/model"),
        ("backup", "tape 7", "--expires", "2999-01-31"),
        ("export", str(tmp_path / "gone")),
    ):
        assert terminal("copies", model, "--add", kind, place, *more, *at).code == 0
    done = terminal("forget", model, "dog", "--yes", "--json", *at)
    assert {c["kind"]: c["status"] for c in done.json["forgotten"][0]["copies"]} == {
        "hub": "out of our control",
        "backup": "scheduled",
        "export": "not present",
    }


def test_the_ledger_names_no_place(model: Path, at: tuple[str, Path], terminal: Terminal) -> None:
    assert terminal("copies", model, "--add", "hub", "ada-lovelace/model", *at).code == 0
    assert "lovelace" not in terminal("ledger", "export", model, *at).out
    assert b"lovelace" not in (model / "ledger.sqlite3").read_bytes()
    receipt = terminal("forget", model, "dog", "--yes", "--json", *at).json["forgotten"][0]["receipt"]
    assert "lovelace" not in terminal("receipt", receipt, *at).out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--add", "tape", "x"), "unknown kind of copy 'tape'; choose one of: export, hub, onnx"),
        (("--add", "hub", ""), "the place of a copy must be one line of text"),
        (("--add", "hub", "x", "--expires", "soon"), "'soon' is no day; write it like 2027-01-31"),
        (("--add", "hub", "x", "--delete"), "only a file or folder on this machine can be deleted"),
        (("--add", "export", "x", "--delete"), "give its whole path"),
        (("--expires", "2027-01-31"), "give --add KIND PLACE with them"),
        (("--delete",), "give --add KIND PLACE with them"),
        (("--sealed",), "give --add KIND PLACE with them"),
        (("--add", "hub", "x", "--sealed"), "isn't sealed, so no copy of it is"),
        (("--add", "hub", "x", "--sealed", "--keys"), "give --keys or --sealed, not both"),
        (("--remove", "0" * 32, "--delete"), "give --add KIND PLACE with them"),
        (("--remove", "0" * 32), "the model has no copy '0000"),
        (("--remove", "x"), "the model has no copy 'x'; see: preforget copies MODEL"),
        (("--remove", "x", "--add", "hub", "y"), "not allowed with argument"),
        (("--add", "hub"), "expected 2 arguments"),
    ],
)
def test_what_is_refused_changes_nothing(
    model: Path,
    at: tuple[str, Path],
    terminal: Terminal,
    files_in: Files,
    args: tuple[str, ...],
    message: str,
) -> None:
    before = files_in(model)
    done = terminal("copies", model, *args, *at)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert files_in(model) == before


def test_the_model_itself_is_refused(
    model: Path, at: tuple[str, Path], terminal: Terminal, files_in: Files
) -> None:
    before = files_in(model)
    for place in (model, model.parent, model.parent.parent, "/"):
        done = terminal("copies", model, "--add", "export", place, "--delete", *at)
        assert (done.code, done.out) == (2, "")
        assert "must not be deleted when something is forgotten; name a copy elsewhere" in done.err
    assert files_in(model) == before


def test_the_keyring_is_refused(model: Path, at: tuple[str, Path], terminal: Terminal) -> None:
    assert terminal("seal", model, *at).code == 0
    for place in (at[1], next(at[1].glob("*.keys"))):
        assert terminal("copies", model, "--add", "export", place, "--delete", *at).code == 2


def test_a_place_with_marks_that_steer_a_terminal(
    model: Path, at: tuple[str, Path], terminal: Terminal
) -> None:
    done = terminal("copies", model, "--add", "hub", "a\x1b[2Jb", *at)
    assert (done.code, done.out) == (2, "")
    assert "\x1b" not in done.err


def test_saving_elsewhere_enters_the_copy_that_is_left(
    model: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    PreForgettableClassifier.from_pretrained(model, keyring=at[1]).save_pretrained(other, keyring=at[1])
    (copy,) = terminal("copies", other, *at, "--json").json["copies"]
    assert (copy["kind"], copy["place"], copy["delete"]) == ("export", str(model), False)
    done = terminal("forget", other, "dog", "--yes", *at, "--json")
    assert done.json["forgotten"][0]["copies"][0]["status"] == "out of our control"


def test_no_model(tmp_path: Path, at: tuple[str, Path], terminal: Terminal) -> None:
    done = terminal("copies", tmp_path / "none", *at)
    assert (done.code, done.out) == (2, "")
    assert "does not exist" in done.err


def test_a_damaged_model(model: Path, at: tuple[str, Path], terminal: Terminal) -> None:
    path = model / "preforget.json"
    path.write_bytes(path.read_bytes().replace(b'"copies": {}', b'"copies": []'))
    done = terminal("copies", model, *at)
    assert (done.code, done.out) == (3, "")
    assert "its checksum differs" in done.err
