"""`preforget refit MODEL DATA`: learn again the pair prompts that were dropped with a subject."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from preforget.cli.console import Console, Interrupted
from preforget.cli.options import Commands, add_command, add_data, add_model, load_model, read_data
from preforget.cli.quality import show_quality

if TYPE_CHECKING:
    from preforget.classifier import PreForgettableClassifier


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "refit",
        "learn again what forgetting or adding a subject dropped, or an older format lacked",
        "DATA are those that the model was learned from; classes that it no longer knows are left out. "
        "For the exact engine.",
    )
    add_model(parser)
    add_data(parser)
    parser.add_argument("--seed", type=int, help="of splits that are made (default: the model's)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Learn the prompts and measure on test inputs of the classes that the model knows."""
    model = load_model(args)
    data = read_data(args, model.engine_.config.seed if args.seed is None else args.seed)
    before, start = _lacks(model), time.perf_counter()
    try:
        count = model.refit(
            data.train,
            validation=data.validation,
            subjects=data.train.subjects,
            cache_dir=args.cache_dir,
            progress=True,
        )
    except KeyboardInterrupt:
        raise Interrupted("interrupted; the model folder is as it was") from None
    seconds = time.perf_counter() - start
    console.line(f"learned the prompts of {count} pairs in {seconds:.1f} s")
    for sentence in sorted({*before} - {*_lacks(model)}):
        console.line(f"no longer so: {sentence}")
    figures = show_quality(model, data.test.only(model.labels), console)
    console.result({"model": str(args.model), "pairs": count, "learn_seconds": seconds, **figures})
    return 0


def _lacks(model: PreForgettableClassifier) -> tuple[str, ...]:
    engine = model.engine_
    return engine.lacks(engine.config.as_dict(), engine.records())
