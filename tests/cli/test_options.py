from __future__ import annotations

import argparse
from pathlib import Path

from preforget.cli.options import add_command, add_data, add_model, read_data


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
