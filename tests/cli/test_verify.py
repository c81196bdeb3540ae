from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Terminal

MACHINE = ("--device", "cpu", "--dtype", "float32")


@pytest.fixture
def exact(pets: Path, tiny_vit: Path, tmp_path: Path, terminal: Terminal) -> Path:
    place = tmp_path / "exact"
    done = terminal(
        "learn", pets, "--out", place, "--backbone", tiny_vit, "--engine", "exact", "--levels", "1", *MACHINE
    )
    assert done.code == 0, done.err
    return place


def test_equal_after_forgetting(exact: Path, pets: Path, terminal: Terminal) -> None:
    assert terminal("forget", exact, "dog", "--yes").code == 0
    done = terminal("verify", exact, "--against-retrain", pets, "--device", "cpu", "--json")
    assert done.code == 0, done.out
    assert done.json["equal"] is True
    assert done.json["records_equal"] == done.json["records"] == 3
    assert done.json["guarantee"] == "exact"
    assert done.json["records_forgotten"] > 0


def test_other_data_or_another_split_are_not_equal(exact: Path, pets: Path, terminal: Terminal) -> None:
    done = terminal("verify", exact, "--against-retrain", pets, "--seed", "5", "--device", "cpu")
    assert done.code == 3
    assert done.out.splitlines()[-1] == "NOT EQUAL to retraining, though nothing was forgotten in this folder"
    same = terminal("verify", exact, "--against-retrain", pets, "--device", "cpu")
    assert same.code == 0
    assert "nothing was forgotten in this folder, so this says nothing of forgetting" in same.out


def test_the_isolated_engine_is_not_equal(model: Path, pets: Path, terminal: Terminal) -> None:
    assert terminal("forget", model, "dog", "--yes").code == 0
    done = terminal("verify", model, "--against-retrain", pets, *MACHINE)
    assert done.code == 3
    assert "records     0 of 3 the same" in done.out


def test_data_are_needed(exact: Path, terminal: Terminal, tmp_path: Path) -> None:
    assert terminal("verify", exact).code == 2
    done = terminal("verify", exact, "--against-retrain", tmp_path / "nowhere")
    assert done.code == 2
    assert "no such file, folder or data set" in done.err


@pytest.mark.parametrize("command", ["verify", "receipt"])
def test_a_missing_receipt_is_named_before_a_missing_key(
    command: str, tmp_path: Path, terminal: Terminal
) -> None:
    model = [tmp_path / "model"] if command == "verify" else []
    done = terminal(command, tmp_path / "receipt.json", *model, "--keyring", tmp_path / "nowhere")
    assert done.code != 0
    assert f"there is no receipt {tmp_path / 'receipt.json'}; give the file that" in done.err
    assert "there is no key" not in done.err
