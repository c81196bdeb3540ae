from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Terminal
from .test_subjects import EXACT, people

__all__ = ["people"]

PROMPTS = ("--pair-prompts", "--steps", "3", "--lora-rank", "1")


def confusing(people: Path, place: Path) -> Path:
    """Copy the images so that two classes have the same ones, each person's own folder kept."""
    import shutil

    shutil.copytree(people, place)
    shutil.rmtree(place / "dog")
    shutil.copytree(place / "cat", place / "dog")
    return place


def test_prompts_come_back_and_equal_retraining(
    people: Path, tiny_vit: Path, tmp_path: Path, terminal: Terminal
) -> None:
    data, model = confusing(people, tmp_path / "data"), tmp_path / "m"
    done = terminal("learn", data, "--out", model, "--backbone", tiny_vit, *EXACT, *PROMPTS)
    assert done.code == 0, done.err
    assert terminal("forget", model, "--subject", "Ada", "--yes").code == 0
    check = ("verify", model, "--against-retrain", data, "--subjects", "1", "--device", "cpu")
    unequal = terminal(*check)
    assert unequal.code == 3
    assert "1 pair prompts were dropped with a subject" in unequal.out
    done = terminal("refit", model, data, "--subjects", "1", "--device", "cpu", "--json")
    assert done.code == 0, done.err
    assert done.json["pairs"] == 1
    assert terminal(*check).code == 0


def test_nothing_to_refit(model: Path, pets: Path, terminal: Terminal) -> None:
    done = terminal("refit", model, pets, "--device", "cpu", "--json")
    assert done.code == 0, done.err
    assert done.json["pairs"] == 0


@pytest.mark.parametrize("args", [[], ["model"]])
def test_arguments(args: list[str], terminal: Terminal) -> None:
    assert terminal("refit", *args).code == 2
