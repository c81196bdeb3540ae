"""`learn --shards` and `join`, as two machines would run them."""

from __future__ import annotations

from pathlib import Path

from .conftest import Terminal, write_images
from .test_subjects import EXACT

LEARN = (*EXACT[:-2],)


def test_parts_are_joined_and_deleted(tmp_path: Path, tiny_vit: Path, terminal: Terminal) -> None:
    photos = write_images(tmp_path / "photos", {"cat": 20, "dog": 18})
    parts = [tmp_path / "part-1", tmp_path / "part-2"]
    for number, part in enumerate(parts, start=1):
        words = ("learn", photos, "--out", part, "--backbone", tiny_vit, *LEARN, "--shards", f"{number}/2")
        done = terminal(*words)
        assert done.code == 0, done.err
        assert f"part {number} of 2 sums up" in done.out
        assert "copy of personal data" in done.err
    refused = terminal(*words, "--seal")
    assert refused.code == 2

    missing = terminal("join", parts[0], "--out", tmp_path / "model")
    assert (missing.code, "part 2 of 2 is missing" in missing.err) == (2, True)
    assert parts[0].exists()
    assert not (tmp_path / "model").exists()

    done = terminal("join", *parts, "--out", tmp_path / "model", "--seal", "--json")
    assert done.code == 0, done.err
    assert done.json["classes"] == ["cat", "dog"]
    assert not any(part.exists() for part in parts)
    assert terminal("copies", tmp_path / "model", "--json").json["copies"] == []
    check = terminal("verify", tmp_path / "model", "--against-retrain", photos, "--device", "cpu")
    assert check.code == 0, check.err
    assert "EQUAL" in check.out


def test_parts_that_are_kept_are_listed(tmp_path: Path, tiny_vit: Path, terminal: Terminal) -> None:
    photos = write_images(tmp_path / "photos", {"cat": 20, "dog": 18})
    part = tmp_path / "part"
    terminal("learn", photos, "--out", part, "--backbone", tiny_vit, *LEARN, "--shards", "1/1")
    done = terminal("join", part, "--out", tmp_path / "model", "--keep-parts")
    assert done.code == 0, done.err
    assert part.exists()
    (copy,) = terminal("copies", tmp_path / "model", "--json").json["copies"]
    assert (copy["place"], copy["delete"]) == (str(part), True)
    again = terminal("join", part, "--out", tmp_path / "model", "--keep-parts")
    assert (again.code, "were joined before" in again.out) == (0, True), again.err
    assert len(terminal("copies", tmp_path / "model", "--json").json["copies"]) == 1
    done = terminal("forget", tmp_path / "model", "cat", "--yes", "--delete-copies")
    assert done.code == 0, done.err
    assert not part.exists()
    assert terminal("join", part, "--out", tmp_path / "model").code == 0  # strikes out what is gone
    assert terminal("copies", tmp_path / "model", "--json").json["copies"] == []


def test_encrypted_parts_and_a_join_that_was_cut_off(
    tmp_path: Path, tiny_vit: Path, terminal: Terminal
) -> None:
    photos, key, model = (
        write_images(tmp_path / "photos", {"cat": 20, "dog": 18}),
        tmp_path / "key",
        tmp_path / "model",
    )
    ring = ("--keyring", tmp_path / "ring")
    assert terminal("keys", "make", *ring, "--parts-key", key).code == 0
    parts = [tmp_path / "part-1", tmp_path / "part-2"]
    for number, part in enumerate(parts, start=1):
        words = ("learn", photos, "--out", part, "--backbone", tiny_vit, *LEARN, "--shards", f"{number}/2")
        done = terminal(*words, "--seal", "--for", key)
        assert (done.code, "encrypted for the machine" in done.err) == (0, True), done.err
        assert b"cat" not in part.read_bytes()
    assert terminal(*words, "--for", key).code == 2
    foreign = terminal("join", *parts, "--out", model, "--keyring", tmp_path / "other")
    assert (foreign.code, "encrypted for another keyring" in foreign.err) == (3, True), foreign.err
    assert not model.exists()

    assert terminal("join", *parts, "--out", model, "--keep-parts", *ring).code == 0
    parts[0].unlink()  # as if it had been killed between the two
    done = terminal("join", *parts, "--out", model, "--json", *ring)
    assert (done.code, done.json["classes"]) == (0, ["cat", "dog"]), done.err
    assert not any(part.exists() for part in parts)
    assert terminal("copies", model, "--json", *ring).json["copies"] == []
    over = terminal("join", *parts, "--out", model, *ring)
    assert (over.code, "not empty" in over.err) == (1, True)
