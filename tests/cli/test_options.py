from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from preforget.classifier import PreForgettableClassifier
from preforget.cli.options import add_command, add_data, add_model, check_labels, read_data
from preforget.core.errors import UnknownLabelError


def parse(*args: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    made = add_command(parser.add_subparsers(), "do", "do a thing")
    add_model(made)
    add_data(made)
    return parser.parse_args(["do", *args])


def test_defaults() -> None:
    args = parse("model", "digits")
    assert (args.model, args.data, args.device, args.dtype, args.backbone) == (
        Path("model"),
        "digits",
        "auto",
        None,
        None,
    )
    assert args.json is False


def test_the_seed_makes_the_split() -> None:
    args = parse("model", "digits")
    one, same, other = (read_data(args, seed) for seed in (0, 0, 1))
    assert (one.train.inputs == same.train.inputs).all()
    assert not (one.train.inputs == other.train.inputs).all()


def test_labels_are_checked_and_named_once(learned: Path) -> None:
    model = PreForgettableClassifier.from_pretrained(learned)
    assert check_labels(model, ["owl", "cat", "owl"]) == ["owl", "cat"]
    with pytest.raises(UnknownLabelError, match="no class 'cow'"):
        check_labels(model, ["owl", "cow"])
