from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from safetensors.torch import load

from preforget.classifier import PreForgettableClassifier
from preforget.store import ModelFolder

from .conftest import COLOURS, LEARN, Terminal

Files = Callable[[Path], dict[str, bytes]]
ON_CPU = ("--device", "cpu", "--dtype", "float32")


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    return tmp_path / "own keyring"


@pytest.fixture
def sealed(model: Path, ring: Path, terminal: Terminal) -> Path:
    done = terminal("seal", model, "--keyring", ring)
    assert done.code == 0, done.err
    return model


def needles(content: bytes) -> list[bytes]:
    """Return what tells of a plain record: its label as it is written, and every 32 bytes of its tensors."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    found = [
        f'"label":"{header["__metadata__"]["label"]}"'.encode(),
        header["__metadata__"]["nonce"].encode(),
    ]
    for tensor in load(content).values():
        own = tensor.contiguous().numpy().tobytes()
        found += [piece for at in range(0, len(own) - 31, 4) if len(set(piece := own[at : at + 32])) > 8]
    return found


def answers(terminal: Terminal, model: Path, ring: Path, images: Path) -> list[str | None]:
    done = terminal("predict", model, images, "--keyring", ring, *ON_CPU, "--json")
    assert done.code == 0, done.err
    return [entry["answer"] for entry in done.json["predictions"]]


def test_records_become_unreadable_files(
    model: Path, ring: Path, terminal: Terminal, files_in: Files
) -> None:
    before = files_in(model)
    done = terminal("seal", model, "--keyring", ring)
    assert done.code == 0
    assert done.out == f"sealed  4 records; their keys are in {ring}\n"
    assert done.err == "copies and backups that were made before are not sealed: delete them\n"
    after = files_in(model)
    stems = {Path(name).stem for name in before if name.startswith("records/")}
    assert {name for name in after if name.startswith("records/")} == {f"records/{i}.sealed" for i in stems}
    assert set(after) - set(before) == {f"records/{i}.sealed" for i in stems}
    assert ModelFolder.open(model, ring).manifest.sealed is True


def test_nothing_of_the_plain_records_is_left_in_any_byte(
    model: Path, ring: Path, terminal: Terminal, files_in: Files
) -> None:
    plain = [content for name, content in files_in(model).items() if name.startswith("records/")]
    searched = [piece for content in plain for piece in needles(content)]
    assert len(searched) > 1000
    assert all(any(piece in content for content in plain) for piece in searched[::50])  # they would be found
    assert terminal("seal", model, "--keyring", ring).code == 0
    for folder in (model, ring):
        haystack = b"\0".join(name.encode() + b"\0" + content for name, content in files_in(folder).items())
        assert [piece for piece in searched if piece in haystack] == []


def test_predictions_stay_the_same_bit_for_bit(
    model: Path, ring: Path, pets: Path, terminal: Terminal
) -> None:
    images = sorted(pets.rglob("*.png"))
    before = PreForgettableClassifier.from_pretrained(model).predict_proba(images)
    assert terminal("seal", model, "--keyring", ring).code == 0
    after = PreForgettableClassifier.from_pretrained(model, keyring=ring).predict_proba(images)
    assert after.tobytes() == before.tobytes()


def test_json(model: Path, ring: Path, terminal: Terminal) -> None:
    done = terminal("seal", model, "--keyring", ring, "--json")
    assert done.json == {"model": str(model), "records": 4, "keyring": str(ring)}


def test_the_variable_names_the_keyring_too(
    model: Path, ring: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFORGET_KEYRING", str(ring))
    assert terminal("seal", model, "--json").json["keyring"] == str(ring)
    assert terminal("classes", model).code == 0


def test_a_second_time_is_refused(sealed: Path, ring: Path, terminal: Terminal, files_in: Files) -> None:
    before = files_in(sealed), files_in(ring)
    done = terminal("seal", sealed, "--keyring", ring)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"preforget: {sealed} is sealed already\n"
    assert (files_in(sealed), files_in(ring)) == before


def test_what_is_detached_stays_detached(model: Path, ring: Path, terminal: Terminal) -> None:
    assert terminal("detach", model, "dog").code == 0
    assert terminal("seal", model, "--keyring", ring).code == 0
    assert "dog  detached" in terminal("classes", model, "--keyring", ring).out


def test_the_keyring_is_private(sealed: Path, ring: Path) -> None:
    assert ring.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in ring.glob("*.keys"))
    assert not sealed.is_relative_to(ring)
    assert not ring.is_relative_to(sealed)


def test_every_command_works_on_a_sealed_model(
    sealed: Path, ring: Path, pets: Path, terminal: Terminal
) -> None:
    at = ("--keyring", ring)
    assert terminal("detach", sealed, "owl", *at).code == 0
    assert terminal("attach", sealed, "owl", *at).code == 0
    assert terminal("forget", sealed, "owl", "--yes", *at).code == 0
    assert terminal("add", sealed, "owl", pets, *at, "--device", "cpu").code == 0
    assert sorted(set(answers(terminal, sealed, ring, pets)) - {None}) == ["cat", "dog", "owl"]
    assert {p.suffix for p in (sealed / "records").iterdir()} == {".sealed"}
    assert terminal("ledger", "verify", sealed, *at).code == 0


# --- forgetting in a sealed model


def test_forgetting_destroys_the_key(sealed: Path, ring: Path, terminal: Terminal) -> None:
    (keys,) = ring.glob("*.keys")
    before = json.loads(keys.read_bytes())["keys"]
    done = terminal("forget", sealed, "dog", "--yes", "--keyring", ring, "--json")
    assert done.code == 0
    gone = done.json["forgotten"][0]["records"]
    left = set(json.loads(keys.read_bytes())["keys"])
    assert left & set(before) == set(before) - set(gone)
    assert len(left - set(before)) == 1  # of the scores of validation inputs, written anew
    for path in [*ring.rglob("*"), *sealed.rglob("*")]:
        if path.is_file():
            content = path.read_bytes()
            assert not any(before[one].encode() in content for one in gone)
            assert not any(base64.b64decode(before[one]) in content for one in gone)
    assert "so that no copy and no backup of the folder can be read" in done.err


def test_a_backup_can_not_answer_with_what_was_forgotten(
    sealed: Path, ring: Path, pets: Path, terminal: Terminal, tmp_path: Path
) -> None:
    at = ("--keyring", ring)
    assert "dog" in answers(terminal, sealed, ring, pets / "dog")
    backup = Path(shutil.copytree(sealed, tmp_path / "backup"))
    assert terminal("forget", sealed, "dog", "--yes", *at).code == 0
    shutil.rmtree(sealed)
    shutil.copytree(backup, sealed)  # the disk died, the backup comes back
    for command in (
        ("predict", sealed, pets / "dog", *ON_CPU),
        ("classes", sealed),
        ("detach", sealed, "cat"),
        ("ledger", "verify", sealed),
        ("forget", sealed, "cat", "--yes"),
    ):
        done = terminal(*command, *at)
        assert (done.code, done.out) == (3, ""), command
        assert "is older than its keyring knows" in done.err
        assert "preforget restore MODEL" in done.err
    done = terminal("restore", sealed, *at, "--json")
    assert done.code == 0, done.err
    assert done.json["erased_again"] == 2
    assert "isn't sealed" not in done.err
    assert [c["label"] for c in terminal("classes", sealed, *at, "--json").json["classes"]] == ["cat", "owl"]
    assert "dog" not in answers(terminal, sealed, ring, pets)
    assert answers(terminal, sealed, ring, pets / "cat").count("cat") >= 15
    done = terminal("predict", sealed, pets / "dog", "--without", "dog", *ON_CPU, *at)
    assert done.code == 5
    assert terminal("forget", sealed, "dog", "--yes", *at).code == 5


def test_the_records_of_a_backup_are_noise_to_whoever_has_the_keyring(
    sealed: Path, ring: Path, terminal: Terminal, tmp_path: Path
) -> None:
    backup = Path(shutil.copytree(sealed, tmp_path / "backup"))
    assert terminal("forget", sealed, "dog", "--yes", "--keyring", ring).code == 0
    gone = {p.stem for p in (backup / "records").iterdir()} - {p.stem for p in (sealed / "records").iterdir()}
    (ring_file,) = ring.glob("*.keys")
    forged = json.loads(ring_file.read_bytes())
    assert gone
    assert gone <= set(forged["destroyed"])
    assert not gone & set(forged["keys"])
    # even a folder that says it is the newest one
    for one in gone:
        shutil.copy(backup / "records" / f"{one}.sealed", sealed / "records")
    done = terminal("classes", sealed, "--keyring", ring)
    assert done.code == 3 or "dog" not in done.out


def test_of_a_plain_model_the_tool_says_what_it_can_not_promise(
    model: Path, ring: Path, pets: Path, terminal: Terminal, tmp_path: Path
) -> None:
    at = ("--keyring", ring)
    backup = Path(shutil.copytree(model, tmp_path / "backup"))
    done = terminal("forget", model, "dog", "--yes", *at, "--json")
    assert done.code == 0
    assert "Copies and backups of the folder can still be read: it isn't sealed." in done.err
    statement = terminal("receipt", done.json["forgotten"][0]["receipt"], *at, "--json").json["statement"]
    assert any("not encrypted" in claim for claim in statement["predicate"]["notClaimed"])
    assert "dog" in answers(terminal, backup, ring, pets / "dog")
    done = terminal("restore", backup, *at)
    assert done.code == 0
    assert (
        "the model isn't sealed: what was forgotten after the backup is known only from --replay" in done.err
    )


def test_a_sealed_model_s_receipt_speaks_of_keys(sealed: Path, ring: Path, terminal: Terminal) -> None:
    at = ("--keyring", ring)
    place = terminal("forget", sealed, "dog", "--yes", *at, "--json").json["forgotten"][0]["receipt"]
    predicate = terminal("receipt", place, *at, "--json").json["statement"]["predicate"]
    assert predicate["method"] == ["key destroyed", "file deleted"]
    assert {c["name"]: c["passed"] for c in predicate["checks"]} == {
        "files": True,
        "keys": True,
        "scan": True,
    }
    assert terminal("verify", place, sealed, *at).code == 0


# --- keyrings that don't fit


def test_a_lost_keyring(sealed: Path, ring: Path, pets: Path, terminal: Terminal, files_in: Files) -> None:
    ring.rename(ring.with_name("lost"))
    before = files_in(sealed)
    for command in (
        ("predict", sealed, pets / "dog", *ON_CPU),
        ("classes", sealed),
        ("forget", sealed, "dog", "--yes"),
        ("detach", sealed, "dog"),
    ):
        done = terminal(*command, "--keyring", ring)
        assert (done.code, done.out) == (3, ""), command
        assert f"is not in the keyring {ring}; give the right one with --keyring" in done.err
        assert done.err.count("\n") == 1
    assert files_in(sealed) == before
    assert not ring.exists()
    ring.with_name("lost").rename(ring)
    assert terminal("classes", sealed, "--keyring", ring).code == 0


def test_a_keyring_that_sealed_another_copy(
    sealed: Path, ring: Path, learned: Path, terminal: Terminal, tmp_path: Path
) -> None:
    other, others = Path(shutil.copytree(learned, tmp_path / "other")), tmp_path / "others"
    assert terminal("seal", other, "--keyring", others).code == 0
    (own,), (theirs,) = ring.glob("*.keys"), others.glob("*.keys")
    assert theirs.name == own.name  # both are of one model, with the same records and other keys
    done = terminal("classes", sealed, "--keyring", others)
    assert (done.code, done.out) == (3, "")
    assert "--keyring" in done.err or "restore" in done.err


def test_records_in_each_other_s_place(sealed: Path, ring: Path, terminal: Terminal, tmp_path: Path) -> None:
    other = Path(shutil.copytree(sealed, tmp_path / "other"))
    (first, second, *_) = sorted((other / "records").iterdir())
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    done = terminal("classes", other, "--keyring", ring)
    assert done.code == 3
    assert "its digest differs" in done.err


def test_a_keyring_that_others_may_read(sealed: Path, ring: Path, terminal: Terminal) -> None:
    (keys,) = ring.glob("*.keys")
    keys.chmod(0o644)
    done = terminal("classes", sealed, "--keyring", ring)
    assert (done.code, done.out) == (1, "")
    assert f"make it private with: chmod 600 {keys}" in done.err


def test_a_damaged_keyring(sealed: Path, ring: Path, terminal: Terminal) -> None:
    (keys,) = ring.glob("*.keys")
    content = bytearray(keys.read_bytes())
    content[len(content) // 2] ^= 1
    keys.write_bytes(content)
    done = terminal("classes", sealed, "--keyring", ring)
    assert (done.code, done.out) == (3, "")
    assert f"{keys} is not what was written" in done.err


@pytest.mark.parametrize("command", ["copies", "restore"])
def test_a_wrong_keyring_gets_nothing_of_a_sealed_model(
    sealed: Path, ring: Path, terminal: Terminal, tmp_path: Path, files_in: Files, command: str
) -> None:
    wrong, before = tmp_path / "wrong", files_in(sealed)
    more = ("--add", "hub", "somebody/model") if command == "copies" else ()
    done = terminal(command, sealed, *more, "--keyring", wrong)
    assert done.code == 3
    assert "--keyring" in done.err
    assert files_in(sealed) == before
    assert not list(wrong.glob("*.keys"))


def test_keys_from_the_environment_are_for_reading(
    sealed: Path, ring: Path, pets: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, files_in: Files
) -> None:
    (keys,) = ring.glob("*.keys")
    values = json.loads(keys.read_bytes())
    monkeypatch.setenv("MODEL_KEYS", json.dumps({"model": values["model"], "keys": values["keys"]}))
    before, place = files_in(sealed), Path("env:MODEL_KEYS")
    assert "dog" in answers(terminal, sealed, place, pets / "dog")
    for command in (("detach", sealed, "dog"), ("forget", sealed, "dog", "--yes"), ("restore", sealed)):
        done = terminal(*command, "--keyring", place)
        assert (done.code, done.out) == (2, ""), command
        assert "keyring" in done.err
    assert files_in(sealed) == before


def test_a_plain_model_can_not_be_sealed_with_keys_from_the_environment(
    model: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, files_in: Files
) -> None:
    before = files_in(model)
    monkeypatch.setenv("MODEL_KEYS", "[]")
    for place in ("env:MODEL_KEYS", "env:NOT_SET"):
        done = terminal("seal", model, "--keyring", place)
        assert (done.code, done.out) == (2, "")
        assert place in done.err
    assert files_in(model) == before


# --- trouble on the way


def test_no_model(tmp_path: Path, ring: Path, terminal: Terminal) -> None:
    done = terminal("seal", tmp_path / "none", "--keyring", ring)
    assert (done.code, done.out) == (2, "")
    assert "does not exist" in done.err
    assert not ring.exists()


@pytest.mark.parametrize("room", [100, 3000])
def test_a_full_disk_leaves_the_plain_model_and_no_keys(
    model: Path,
    ring: Path,
    pets: Path,
    terminal: Terminal,
    files_in: Files,
    full_disk: Callable[[int], AbstractContextManager[None]],
    room: int,
) -> None:
    records = {name: content for name, content in files_in(model).items() if name.startswith("records/")}
    assert any(len(content) > 3000 for content in records.values())
    with full_disk(room):
        done = terminal("seal", model, "--keyring", ring)
    assert (done.code, done.out) == (1, "")
    assert {n: c for n, c in files_in(model).items() if n.startswith("records/")} == records
    assert not list(ring.glob("*.keys"))
    assert terminal("classes", model, "--keyring", ring).code == 0
    assert terminal("seal", model, "--keyring", ring).code == 0
    assert "dog" in answers(terminal, model, ring, pets / "dog")


def test_a_folder_without_the_right_to_write(
    model: Path, ring: Path, terminal: Terminal, read_only: Callable[[Path], None]
) -> None:
    read_only(model)
    read_only(model / "records")
    done = terminal("seal", model, "--keyring", ring)
    assert (done.code, done.out) == (1, "")
    assert "can't be written: Permission denied" in done.err


# --- sealed from the beginning


def test_learn_seals(pets: Path, tiny_vit: Path, tmp_path: Path, ring: Path, terminal: Terminal) -> None:
    model = tmp_path / "new"
    done = terminal(
        "learn", pets, "--out", model, "--backbone", tiny_vit, *LEARN, "--seal", "--keyring", ring
    )
    assert done.code == 0, done.err
    assert {p.suffix for p in (model / "records").iterdir()} == {".sealed"}
    content = b"".join(p.read_bytes() for p in model.rglob("*") if p.is_file())
    assert not any(f'"label":"{label}"'.encode() in content for label in COLOURS)
    (keys,) = ring.glob("*.keys")
    assert len(json.loads(keys.read_bytes())["keys"]) == 4  # one is of the scores of validation inputs
    assert "dog" in answers(terminal, model, ring, pets / "dog")
    assert terminal("seal", model, "--keyring", ring).code == 2
    assert terminal("classes", model).code == 3  # the session's keyring is another one
