from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from preforget import PreForgettableClassifier
from preforget.cli.main import main
from preforget.training.checkpoint import Checkpoint

from ..forked import Forked
from .conftest import LEARN, Terminal

MakeImages = Callable[[Path, dict[str, int]], Path]


def test_learns_saves_and_measures(pets: Path, tiny_vit: Path, tmp_path: Path, terminal: Terminal) -> None:
    done = terminal(
        "learn", pets, "--out", tmp_path / "new" / "model", "--backbone", tiny_vit, *LEARN, "--json"
    )
    assert done.code == 0
    found = done.json
    assert found["classes"] == ["cat", "dog", "owl"]
    assert found["engine"] == "isolated"
    assert found["guarantee"] == "parametric"
    assert found["images"] == 42
    assert found["test_images"] == 12
    assert found["accuracy"] >= 0.9
    assert 0 <= found["abstained"] < 1
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["model"]


def test_people_get_a_text(pets: Path, tiny_vit: Path, tmp_path: Path, terminal: Terminal) -> None:
    model = tmp_path / "model"
    done = terminal("learn", pets, "--out", model, "--backbone", tiny_vit, *LEARN, "--engine", "paper")
    assert done.code == 0
    words = [line.split()[0] for line in done.out.splitlines()]
    assert words == ["learned", "accuracy", "abstained", "ECE", "model"]
    assert "learning: 100%" in done.err


def test_cache_folder_is_empty_afterwards_unless_kept(
    pets: Path, tiny_vit: Path, tmp_path: Path, terminal: Terminal
) -> None:
    cache = tmp_path / "cache"
    learn = ("learn", pets, "--backbone", tiny_vit, "--cache-dir", cache, "--epochs", 1)
    assert terminal(*learn, "--out", tmp_path / "a").code == 0
    assert list(cache.iterdir()) == []
    assert terminal(*learn, "--out", tmp_path / "b", "--keep-cache").code == 0
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--epochs", "0"], 2, "epochs must be a whole number of at least 1, got 0"),
        (["--batch-size", "-3"], 2, "batch_size must be a whole number of at least 1, got -3"),
        (["--learning-rate", "nan"], 2, "learning_rate must be a number above 0 and below 10, got nan"),
        (["--first-block", "3"], 2, "first_block is 3, but the backbone's last block is 2"),
        (["--tokens", "0"], 2, "tokens_per_class must be a whole number of at least 1, got 0"),
        (["--lora-rank", "-1"], 2, "lora_rank must be a whole number of at least 0, got -1"),
        (["--engine", "paper", "--lora-rank", "2"], 2, "the paper engine has no option --lora-rank"),
        (["--engine", "steam"], 2, "unknown engine 'steam'; choose one of: exact, isolated"),
        (["--keep", "dog=0.9", "--keep", "bird=0.9"], 5, "'bird'"),
        (["--image-size", "33"], 2, "image size 33 is not a multiple of the patch size 8; try 32"),
        (["--device", "abacus"], 2, "unknown device 'abacus'"),
        (["--dtype", "int3"], 2, "unknown dtype 'int3'"),
        (["--size", "64"], 2, "one size only"),
        (["--keep-cache"], 2, "keep_cache needs cache_dir"),
    ],
)
def test_bad_options_leave_nothing(
    options: list[str],
    code: int,
    message: str,
    pets: Path,
    tiny_vit: Path,
    tmp_path: Path,
    terminal: Terminal,
) -> None:
    done = terminal("learn", pets, "--out", tmp_path / "in" / "model", "--backbone", tiny_vit, *options)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert [line for line in done.err.splitlines() if not line.startswith("read train")] == [
        line for line in done.err.splitlines() if line.startswith("preforget: ")
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"cat": 8}, "only one class, 'cat'"),
        (
            {"cat": 8, "dog": 1},
            "class 'dog' has 1 inputs, 1 of them to learn from; learning needs at least 2",
        ),
        ({"cat": 8, "dog": 3}, "class 'dog' has 3 inputs, 1 of them to learn from"),
        ({}, "no sub-folders"),
    ],
)
def test_data_that_cannot_be_learned_from(
    counts: dict[str, int],
    message: str,
    tiny_vit: Path,
    tmp_path: Path,
    terminal: Terminal,
    make_images: MakeImages,
) -> None:
    data = make_images(tmp_path / "data", counts)
    data.mkdir(exist_ok=True)
    done = terminal("learn", data, "--out", tmp_path / "model", "--backbone", tiny_vit)
    assert (done.code, done.out) == (1, "")
    assert message in done.err
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_missing_data(tiny_vit: Path, tmp_path: Path, terminal: Terminal) -> None:
    done = terminal("learn", tmp_path / "none", "--out", tmp_path / "model", "--backbone", tiny_vit)
    assert done.code == 2
    assert "no such file, folder or data set" in done.err
    missing = terminal(
        "learn", "bloodmnist", "--out", tmp_path / "model", "--no-download", "--data-dir", tmp_path
    )
    assert missing.code == 1
    assert "bloodmnist.npz is missing and downloads are off" in missing.err
    assert list(tmp_path.iterdir()) == []


def test_shares_of_single_classes(pets: Path, tiny_vit: Path, tmp_path: Path, terminal: Terminal) -> None:
    exact = ["--engine", "exact", "--levels", "2", *LEARN[4:], "--keep", "dog=0.5", "--keep", "0.8"]
    learn = ["learn", pets, "--out", tmp_path / "model", "--backbone", tiny_vit, *exact]
    assert "'1' is not a share above 0 and below 1" in terminal(*learn, "--keep", "1").err
    done = terminal(*learn)
    assert done.code == 0
    assert (
        done.err.count(
            "hint: these are pictures with colours; if a mirrored one still shows its class, --views"
        )
        == 1
    )
    keep = PreForgettableClassifier.from_pretrained(tmp_path / "model").keep_
    assert (float(keep), keep.classes) == (0.8, {"dog": 0.5})


def test_mirrored_copies_where_they_do_not_fit(
    make_images: MakeImages, tiny_vit: Path, tmp_path: Path, terminal: Terminal
) -> None:
    options = [
        "--out",
        tmp_path / "model",
        "--backbone",
        tiny_vit,
        "--engine",
        "exact",
        "--levels",
        "2",
        "--views",
        "h",
    ]
    done = terminal("learn", "digits", "--allow-duplicates", *options)
    assert (done.code, (tmp_path / "model").exists()) == (2, False)
    assert (
        "--views can't be used here: digits are written, and a mirrored digit is another one or none"
        in done.err
    )
    letters = make_images(tmp_path / "letters", dict.fromkeys("ab", 12))
    assert "warning: --views reads mirrored copies, but classes are named by single letters" in (
        terminal("learn", letters, *options).err
    )


def test_a_corrupt_image_is_named(
    tiny_vit: Path, tmp_path: Path, terminal: Terminal, make_images: MakeImages
) -> None:
    data = make_images(tmp_path / "data", {"cat": 8, "dog": 8})
    image = data / "cat" / "03.png"
    image.write_bytes(image.read_bytes()[:60])
    done = terminal("learn", data, "--out", tmp_path / "model", "--backbone", tiny_vit, *LEARN)
    assert done.code == 1
    assert f"{image}: damaged image" in done.err
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_the_place_must_be_free_before_learning(
    pets: Path, tiny_vit: Path, tmp_path: Path, terminal: Terminal
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.txt").write_text("keep me")
    done = terminal("learn", pets, "--out", tmp_path / "model", "--backbone", tiny_vit)
    assert done.code == 1
    assert "model is not empty" in done.err
    file = tmp_path / "model" / "mine.txt"
    assert terminal("learn", pets, "--out", file, "--backbone", tiny_vit).code == 1
    assert [p.name for p in tmp_path.rglob("*")] == ["model", "mine.txt"]


def test_a_backbone_that_is_none(pets: Path, tiny_vit: Path, tmp_path: Path, terminal: Terminal) -> None:
    done = terminal("learn", pets, "--out", tmp_path / "model", "--backbone", tmp_path / "none")
    assert (done.code, "backbone folder not found" in done.err) == (1, True)
    other = shutil.copytree(tiny_vit, tmp_path / "swin")
    config = other / "config.json"
    config.write_text(config.read_text().replace('"model_type": "vit"', '"model_type": "swin"'))
    done = terminal("learn", pets, "--out", tmp_path / "model", "--backbone", other)
    assert (done.code, "architecture 'swin'; supported are" in done.err) == (1, True)
    assert [p.name for p in tmp_path.iterdir()] == ["swin"]


def test_a_folder_without_the_right_to_write(
    pets: Path, tiny_vit: Path, tmp_path: Path, terminal: Terminal, read_only: Callable[[Path], None]
) -> None:
    read_only(tmp_path)
    done = terminal("learn", pets, "--out", tmp_path / "model", "--backbone", tiny_vit)
    assert (done.code, "can't be written: Permission denied" in done.err) == (1, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [([], "the checkpoint {} can't be written"), (["--cache-dir", "{}/cache"], "can't be written")],
)
def test_a_full_disk_leaves_no_model(
    options: list[str],
    message: str,
    pets: Path,
    tiny_vit: Path,
    tmp_path: Path,
    terminal: Terminal,
    full_disk: Callable[[int], AbstractContextManager[None]],
) -> None:
    extra = [option.format(tmp_path) for option in options]
    with full_disk(4096):
        done = terminal("learn", pets, "--out", tmp_path / "model", "--backbone", tiny_vit, *LEARN, *extra)
    assert (done.code, done.out) == (1, "")
    assert message.format(tmp_path / "model.learning" / "checkpoint.safetensors") in done.err
    assert "File too large" in done.err
    assert [p for p in tmp_path.rglob("*") if p.name != "cache"] == []


def learn_until_signal(
    data: Path, tiny_vit: Path, model: Path, number: int, options: Sequence[str] = LEARN
) -> Forked:
    """Learn in a child that gets a signal once its first checkpoint is written."""
    args = ["learn", str(data), "--out", str(model), "--backbone", str(tiny_vit), *options]
    write = Checkpoint.write

    def write_and_signal(checkpoint: Checkpoint, *values: Any, **said: str) -> None:
        write(checkpoint, *values, **said)
        os.kill(os.getpid(), number)

    def do() -> int:
        Checkpoint.write = write_and_signal  # type: ignore[method-assign]
        return main(args)

    return Forked(do)


def tensors(model: Path) -> list[dict[str, bytes]]:
    """Return the tensors of all records as bytes, in an order that doesn't depend on their random ids."""
    records = [load_file(path) for path in (model / "records").iterdir()]
    return sorted(
        ({name: value.tobytes() for name, value in record.items()} for record in records),
        key=lambda record: record.get("row", b""),
    )


@pytest.mark.slow
def test_a_killed_learning_goes_on_and_ends_in_the_same_bits(
    pets: Path, tiny_vit: Path, tmp_path: Path, terminal: Terminal, learned: Path
) -> None:
    model = tmp_path / "model"
    child = learn_until_signal(pets, tiny_vit, model, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert [p.name for p in tmp_path.iterdir()] == ["model.learning"]

    other = terminal("learn", pets, "--out", model, "--backbone", tiny_vit, *LEARN, "--seed", "1")
    assert other.code == 1
    assert "belongs to a learning with other options or data" in other.err

    (tmp_path / "model.learning" / ".writing-cut-off").write_bytes(b"half a checkpoint")
    done = terminal("learn", pets, "--out", model, "--backbone", tiny_vit, *LEARN)
    assert done.code == 0
    assert "going on from the checkpoint" in done.err
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    assert tensors(model) == tensors(learned)


@pytest.mark.slow
@pytest.mark.parametrize("sealed", [[], ["--seal"]], ids=["plain", "sealed"])
def test_pair_prompts_go_on_after_a_kill_too(
    make_images: MakeImages, tiny_vit: Path, tmp_path: Path, terminal: Terminal, sealed: list[str]
) -> None:
    grey = make_images(
        tmp_path / "grey", dict.fromkeys(["asp", "boa", "cod"], 16)
    )  # nothing tells these apart
    prompts = ["--engine", "exact", "--levels", "2", "--pair-prompts", "--steps", "3", *LEARN[4:]]
    model, whole = tmp_path / "models" / "model", tmp_path / "models" / "whole"
    child = learn_until_signal(grey, tiny_vit, model, signal.SIGKILL, [*prompts, *sealed])
    assert child.wait() == -signal.SIGKILL
    assert [p.name for p in (tmp_path / "models").iterdir()] == ["model.learning"]
    done = terminal("learn", grey, "--out", model, "--backbone", tiny_vit, *prompts, *sealed)
    assert done.code == 0
    assert "going on from the checkpoint" in done.err
    assert [p.name for p in (tmp_path / "models").iterdir()] == ["model"]
    if not sealed:
        assert terminal("learn", grey, "--out", whole, "--backbone", tiny_vit, *prompts).code == 0
        assert sum("prompt.row" in record for record in tensors(whole)) == 3
        assert sorted(map(repr, tensors(model))) == sorted(map(repr, tensors(whole)))


@pytest.mark.slow
def test_ctrl_c_says_that_a_checkpoint_is_left(pets: Path, tiny_vit: Path, tmp_path: Path) -> None:
    child = learn_until_signal(pets, tiny_vit, tmp_path / "model", signal.SIGINT)
    out, err = child.said()
    assert (child.wait(), out) == (130, "")
    last = err.splitlines()[-1]
    assert last.startswith("preforget: interrupted; a checkpoint is left in")
    assert "repeat the command to go on" in last
    assert "Traceback" not in err
    assert [p.name for p in tmp_path.rglob("*")] == ["model.learning", "checkpoint.safetensors"]


def test_a_damaged_checkpoint_is_named(
    pets: Path, tiny_vit: Path, tmp_path: Path, terminal: Terminal
) -> None:
    checkpoint = tmp_path / "model.learning" / "checkpoint.safetensors"
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"nonsense")
    done = terminal("learn", pets, "--out", tmp_path / "model", "--backbone", tiny_vit, *LEARN)
    assert done.code == 1
    assert f"the checkpoint {checkpoint} is damaged" in done.err
    assert checkpoint.read_bytes() == b"nonsense"


def test_a_model_remembers_how_pictures_are_read(
    pets: Path, tiny_vit: Path, tmp_path: Path, terminal: Terminal
) -> None:
    model = tmp_path / "model"
    learn = ("learn", pets, "--out", model, "--backbone", tiny_vit, "--engine", "exact", "--levels", "1")
    done = terminal(*learn, "--device", "cpu", "--background", "#ff0000", "--volume-axis", "0")
    assert done.code == 0
    steps = PreForgettableClassifier.from_pretrained(model).engine_.encoder.preprocessing.steps
    assert steps is not None
    assert (steps.background, steps.axis) == ("#ff0000", 0)
    assert terminal("predict", model, pets / "cat").code == 0
    refused = terminal("learn", pets, "--out", tmp_path / "other", "--background", "no colour")
    assert (refused.code, "'no colour' is no colour" in refused.err) == (2, True)
