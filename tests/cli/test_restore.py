from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from preforget.records import ClassRecord
from preforget.store import Manifest, ModelFolder

from .conftest import COLOURS, Keyboard, Terminal

Files = Callable[[Path], dict[str, bytes]]
ON_CPU = ("--device", "cpu", "--dtype", "float32")


@pytest.fixture
def at(tmp_path: Path) -> tuple[str, Path]:
    return "--keyring", tmp_path / "own keyring"


@pytest.fixture
def backup(model: Path, tmp_path: Path) -> Path:
    """The folder as it was before anything happened."""
    return Path(shutil.copytree(model, tmp_path / "backup"))


@pytest.fixture
def newer(model: Path, backup: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path) -> Path:
    """The ledger of a plain model that has forgotten a class since the backup."""
    assert backup.exists()
    file = tmp_path / "newer.jsonl"
    assert terminal("forget", model, "dog", "--yes", *at).code == 0
    assert terminal("ledger", "export", model, "--out", file, *at).code == 0
    return file


def labels(terminal: Terminal, model: Path, at: tuple[str, Path]) -> list[str]:
    done = terminal("classes", model, *at, "--json")
    assert done.code == 0, done.err
    return [entry["label"] for entry in done.json["classes"]]


def test_a_newer_ledger_erases_the_class_again(
    backup: Path, newer: Path, pets: Path, at: tuple[str, Path], terminal: Terminal, files_in: Files
) -> None:
    assert labels(terminal, backup, at) == sorted(COLOURS)
    before = files_in(backup)
    done = terminal("restore", backup, "--replay", newer, *at)
    assert (done.code, done.err) == (0, "")
    assert done.out == "restored  2 records erased again; the ledger ends at row 6\n"
    assert labels(terminal, backup, at) == ["cat", "owl"]
    gone = [n for n in before if n.startswith("records/") and n not in files_in(backup)]
    assert len(gone) == 2  # the class's own, and what was kept for all classes
    haystack = b"".join(files_in(backup).values())
    assert not any(before[name][-300:] in haystack for name in gone)
    done = terminal("predict", backup, pets, *ON_CPU, *at, "--json")
    assert done.code == 0
    assert {entry["answer"] for entry in done.json["predictions"]} - {None} == {"cat", "owl"}
    events = [e["event"] for e in terminal("ledger", "show", backup, *at, "--json").json["entries"]]
    assert events == ["learn", "copy", "derive", "forget", "erased", "restore"]
    assert terminal("ledger", "verify", backup, *at).code == 0


def test_json(backup: Path, newer: Path, at: tuple[str, Path], terminal: Terminal) -> None:
    done = terminal("restore", backup, "--replay", newer, *at, "--json")
    assert done.json == {
        "model": str(backup),
        "erased_again": 2,
        "head": terminal("ledger", "verify", backup, *at, "--json").json["head"],
    }


def test_the_receipt_holds_for_the_restored_folder_too(
    model: Path, backup: Path, newer: Path, at: tuple[str, Path], terminal: Terminal
) -> None:
    (receipt,) = (model / "receipts").iterdir()
    done = terminal("verify", receipt, backup, *at)
    assert done.code == 3  # the class is live there
    assert terminal("restore", backup, "--replay", newer, *at).code == 0
    done = terminal("verify", receipt, backup, *at)
    assert done.code == 0, done.out


def test_a_second_time_erases_nothing(
    backup: Path, newer: Path, at: tuple[str, Path], terminal: Terminal
) -> None:
    assert terminal("restore", backup, "--replay", newer, *at, "--json").json["erased_again"] == 2
    done = terminal("restore", backup, *at, "--json")
    assert (done.code, done.json["erased_again"]) == (0, 0)
    assert labels(terminal, backup, at) == ["cat", "owl"]


def test_the_ledger_can_be_given_after_a_restore_without_it(
    backup: Path, newer: Path, at: tuple[str, Path], terminal: Terminal
) -> None:
    done = terminal("restore", backup, *at)
    assert done.code == 0
    assert "known only from --replay LEDGER" in done.err  # so that is what the user does next
    done = terminal("restore", backup, "--replay", newer, *at, "--json")
    assert done.code == 0, done.err
    assert done.json["erased_again"] == 2


def test_of_a_plain_model_nothing_is_known_without_the_ledger(
    model: Path, backup: Path, newer: Path, at: tuple[str, Path], terminal: Terminal
) -> None:
    done = terminal("restore", backup, *at, "--json")
    assert (done.code, done.json["erased_again"]) == (0, 0)
    assert "the model isn't sealed: what was forgotten after the backup is known only from" in done.err
    assert labels(terminal, backup, at) == sorted(COLOURS)


def test_what_the_folder_s_own_ledger_says_is_erased_when_it_is_opened(
    model: Path, backup: Path, newer: Path, at: tuple[str, Path], terminal: Terminal
) -> None:
    gone = {p.name for p in (backup / "records").iterdir()} - {p.name for p in (model / "records").iterdir()}
    for name in gone:
        shutil.copy(backup / "records" / name, model / "records")  # from a backup, file by file
    assert labels(terminal, model, at) == ["cat", "owl"]
    assert not any((model / "records" / name).exists() for name in gone)


# --- exports that are refused


def refused(
    terminal: Terminal, files_in: Files, backup: Path, replay: Path, at: tuple[str, Path], code: int = 3
) -> str:
    """Return the message of a refusal that changed nothing."""
    before = files_in(backup)
    done = terminal("restore", backup, "--replay", replay, *at)
    assert (done.code, done.out) == (code, ""), done.err
    assert done.err.count("\n") == 1
    assert files_in(backup) == before
    assert labels(terminal, backup, at) == sorted(COLOURS)
    return done.err


def test_a_foreign_export(
    backup: Path,
    newer: Path,
    at: tuple[str, Path],
    terminal: Terminal,
    files_in: Files,
    tiny_vit: Path,
    pets: Path,
    tmp_path: Path,
) -> None:
    other, file = tmp_path / "other", tmp_path / "other.jsonl"
    learn = ("learn", pets, "--out", other, "--backbone", tiny_vit, "--epochs", 1, *ON_CPU)
    assert terminal(*learn, *at).code == 0
    assert terminal("ledger", "export", other, "--out", file, *at).code == 0
    assert "line 1 of the export can't be trusted: it is no row of the model" in refused(
        terminal, files_in, backup, file, at
    )


def test_a_short_export(
    backup: Path, newer: Path, at: tuple[str, Path], terminal: Terminal, files_in: Files, tmp_path: Path
) -> None:
    assert terminal("detach", backup, "cat", *at).code == 0
    first = tmp_path / "short.jsonl"
    first.write_text(newer.read_text().splitlines(keepends=True)[0])
    assert "the export ends at row 1, the ledger goes on; take a newer one" in refused(
        terminal, files_in, backup, first, at
    )
    first.write_text("")
    assert "the export ends at row 0" in refused(terminal, files_in, backup, first, at)


def test_an_export_of_another_history(
    backup: Path, newer: Path, at: tuple[str, Path], terminal: Terminal, files_in: Files
) -> None:
    assert terminal("detach", backup, "cat", *at).code == 0
    assert "is another one in the export: their histories differ" in refused(
        terminal, files_in, backup, newer, at
    )


def test_a_changed_export(
    backup: Path, newer: Path, at: tuple[str, Path], terminal: Terminal, files_in: Files, tmp_path: Path
) -> None:
    lines, changed = newer.read_text().splitlines(keepends=True), tmp_path / "changed.jsonl"
    rows = [json.loads(line) for line in lines]
    at_forget = next(n for n, row in enumerate(rows) if row["event"] == "forget")
    gone = {record["id"] for record in rows[at_forget]["data"]["records"]}
    erased, live = min(gone), next(r["id"] for r in rows[0]["data"]["records"] if r["id"] not in gone)
    before, row, after = "".join(lines[:at_forget]), lines[at_forget], "".join(lines[at_forget + 1 :])
    number = at_forget + 1
    for content, message in (
        ("".join(lines).replace(erased, live), "line 1"),  # another record is said to be erased
        (before + row.replace(erased, live) + after, f"line {number}"),
        (before + after, f"line {number}"),
        (before + after + row, f"line {number}"),
        ("".join(lines) + "\n", f"line {len(lines) + 1}"),
        ("".join(lines)[:-20], f"line {len(lines)}"),
        (
            before + json.dumps(rows[at_forget]) + "\n" + after,
            f"line {number}",
        ),  # the same, but not canonical
    ):
        changed.write_text(content)
        assert f"{message} of the export can't be trusted" in refused(terminal, files_in, backup, changed, at)


def test_an_export_that_can_not_be_read(
    backup: Path, at: tuple[str, Path], terminal: Terminal, files_in: Files, tmp_path: Path
) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for place in (tmp_path / "nowhere", tmp_path, tmp_path / "binary"):
        message = refused(terminal, files_in, backup, place, at, code=3 if place.name == "binary" else 1)
        assert message.startswith(f"preforget: {place} can't be read: ")
        assert message.count(str(place)) == 1
        assert "Errno" not in message


def test_no_model(tmp_path: Path, at: tuple[str, Path], terminal: Terminal) -> None:
    done = terminal("restore", tmp_path / "none", *at)
    assert (done.code, done.out) == (2, "")
    assert "does not exist" in done.err


def test_a_damaged_backup(backup: Path, newer: Path, at: tuple[str, Path], terminal: Terminal) -> None:
    path = backup / "ledger.sqlite3"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    done = terminal("restore", backup, "--replay", newer, *at)
    assert (done.code, done.out) == (3, "")


# --- sealed models


@pytest.fixture
def sealed(model: Path, at: tuple[str, Path], terminal: Terminal) -> Path:
    assert terminal("seal", model, *at).code == 0
    return model


def test_the_keyring_of_a_sealed_model_knows_what_was_forgotten(
    sealed: Path, pets: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path
) -> None:
    older = Path(shutil.copytree(sealed, tmp_path / "older"))
    assert terminal("forget", sealed, "dog", "owl", "--yes", *at).code == 0
    assert terminal("classes", older, *at).code == 3
    done = terminal("restore", older, *at)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("restored  3 records erased again; ")
    assert labels(terminal, older, at) == ["cat"]
    # from here on this is the model: the other one is the older one now
    done = terminal("classes", sealed, *at)
    assert done.code == 3
    assert "another copy of it has gone on" in done.err
    assert terminal("ledger", "verify", older, *at).code == 0
    assert terminal("forget", older, "dog", "--yes", *at).code == 5


def test_the_gap_stays_visible_in_the_ledger(
    sealed: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path
) -> None:
    older = Path(shutil.copytree(sealed, tmp_path / "older"))
    assert terminal("forget", sealed, "dog", "--yes", *at).code == 0
    seq, _, digest = terminal("ledger", "verify", sealed, *at, "--json").json["head"].partition(":")
    assert terminal("restore", older, *at).code == 0
    last = terminal("ledger", "show", older, *at, "--json").json["entries"][-1]
    assert last["event"] == "restore"
    assert last["data"]["known"] == {"seq": int(seq), "hash": digest}


def test_a_sealed_model_with_its_newer_ledger_has_no_gap(
    sealed: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path
) -> None:
    older, file = Path(shutil.copytree(sealed, tmp_path / "older")), tmp_path / "ledger.jsonl"
    assert terminal("forget", sealed, "dog", "--yes", *at).code == 0
    assert terminal("ledger", "export", sealed, "--out", file, *at).code == 0
    (receipt,) = (sealed / "receipts").iterdir()
    assert terminal("restore", older, "--replay", file, *at, "--json").json["erased_again"] == 2
    last = terminal("ledger", "show", older, *at, "--json").json["entries"][-1]
    assert (last["event"], last["data"]["known"]) == ("restore", None)
    assert labels(terminal, older, at) == ["cat", "owl"]
    assert terminal("verify", receipt, older, *at).code == 0


def test_a_plain_backup_from_before_the_sealing(
    sealed: Path, backup: Path, at: tuple[str, Path], terminal: Terminal
) -> None:
    assert labels(terminal, backup, at) == sorted(COLOURS)


def test_a_keyring_that_is_older_than_the_folder_is_no_reason_to_restore(
    sealed: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path
) -> None:
    kept = Path(shutil.copytree(at[1], tmp_path / "kept"))
    assert terminal("detach", sealed, "dog", *at).code == 0
    assert labels(terminal, sealed, ("--keyring", kept)) == sorted(COLOURS)


def test_an_older_keyring_does_not_bring_a_class_back(
    sealed: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path
) -> None:
    kept, both = (Path(shutil.copytree(at[1], tmp_path / name)) for name in ("kept", "both"))
    older, again = (Path(shutil.copytree(sealed, tmp_path / name)) for name in ("older", "again"))
    assert terminal("forget", sealed, "dog", "--yes", *at).code == 0
    file = tmp_path / "newer.jsonl"
    assert terminal("ledger", "export", sealed, "--out", file, *at).code == 0
    for command in ("classes", "restore"):
        # what was kept for all classes was written anew when one was forgotten, under a key that this keyring lacks
        done = terminal(command, sealed, "--keyring", kept)
        assert done.code == 3
        assert "is not in the keyring" in done.err
    # it has signed the rows of the export
    assert terminal("restore", older, "--replay", file, "--keyring", kept).code == 0
    assert labels(terminal, older, ("--keyring", kept)) == ["cat", "owl"]
    # both backups together can: that is why receipts say what they don't claim, and why keyrings are kept apart
    assert "dog" in labels(terminal, again, ("--keyring", both))


def test_where_keys_can_not_be_changed_nothing_is_restored(
    sealed: Path,
    at: tuple[str, Path],
    terminal: Terminal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files_in: Files,
) -> None:
    older, file = Path(shutil.copytree(sealed, tmp_path / "older")), tmp_path / "ledger.jsonl"
    values = json.loads(next(at[1].glob("*.keys")).read_bytes())
    monkeypatch.setenv("MODEL_KEYS", json.dumps({"model": values["model"], "keys": values["keys"]}))
    assert terminal("forget", sealed, "dog", "--yes", *at).code == 0
    assert terminal("ledger", "export", sealed, "--out", file, *at).code == 0
    before = files_in(older)
    for more in ((), ("--replay", file)):
        done = terminal("restore", older, *more, "--keyring", "env:MODEL_KEYS")
        assert (done.code, done.out) == (2, "")
        assert "work where its keyring is" in done.err
        assert files_in(older) == before


# --- rows that the keyring doesn't confirm


def test_rows_of_a_former_key_are_shown_before_they_are_followed(
    at: tuple[str, Path], terminal: Terminal, tmp_path: Path, keyboard: Keyboard
) -> None:
    backbone = {"id": "x", "revision": None, "architecture": "vit", "digest": "sha256:0", "image_size": 32}
    backbone |= {"mean": [0.5] * 3, "std": [0.5] * 3, "dtype": "float32"}
    manifest = Manifest("isolated", "parametric", {"seed": 0}, backbone, 0.95, sealed=True)
    model, keyring = tmp_path / "sealed", at[1]
    record = ClassRecord("Ada", {"prompt": torch.ones(2, 8), "row": torch.ones(8), "bias": torch.ones(())}, 0)
    ModelFolder.create(model, manifest, [record], {}, keyring)
    backup = shutil.copytree(model, tmp_path / "backup")
    assert terminal("keys", "rotate", *at).code == 0
    ModelFolder.open(model, keyring).set_keep(0.9, {})
    done = terminal("restore", backup, *at)
    assert (done.code, "preforget restore MODEL --unconfirmed" in done.err) == (3, True)
    done = terminal("restore", backup, "--unconfirmed", *at)
    assert (done.code, "give --yes" in done.err) == (2, True)
    keyboard("no\n")
    done = terminal("restore", backup, "--unconfirmed", *at)
    assert (done.code, "nothing was restored" in done.err) == (1, True)
    done = terminal("restore", backup, "--unconfirmed", "--yes", *at)
    assert (done.code, done.out) == (0, "restored  0 records erased again; the ledger ends at row 2\n")
    assert "  learn     signed by a former key\n" in done.err
    assert terminal("restore", backup, *at).code == 0
