"""`preforget add MODEL LABEL DATA`: learn one more class; the others are not touched."""

from __future__ import annotations

import argparse
import time

from preforget.cli.console import Console, Interrupted, note, printable
from preforget.cli.options import (
    Commands,
    add_command,
    add_data,
    add_model,
    add_similar_names,
    load_model,
    read_data,
)
from preforget.cli.quality import show_quality


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "add",
        "learn one more class into a model",
        "DATA holds inputs of the class and, to tell them apart, of classes that the model knows.",
    )
    add_model(parser)
    parser.add_argument("label", metavar="LABEL", help="class to learn, as DATA names it")
    add_data(parser)
    add_similar_names(parser)
    parser.add_argument("--seed", type=int, help="of splits that are made (default: the model's)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Learn the class and measure on test inputs of all classes that the model then knows."""
    model = load_model(args)
    data = read_data(args, model.engine_.config.seed if args.seed is None else args.seed)
    if model.engine_.adding:
        note(model.engine_.adding)
    start = time.perf_counter()
    try:
        model.add(
            args.label,
            data.train,
            validation=data.validation,
            subjects=data.train.subjects,
            cache_dir=args.cache_dir,
            keep_similar_names=args.keep_similar_names,
            progress=True,
        )
    except KeyboardInterrupt:
        raise Interrupted("interrupted; the model is as it was") from None
    seconds = time.perf_counter() - start
    console.line(f"added {printable(args.label)} in {seconds:.1f} s; {len(model.labels)} classes answer now")
    figures = show_quality(model, data.test.only(model.labels), console)
    console.result(
        {
            "model": str(args.model),
            "added": args.label,
            "classes": model.labels,
            "learn_seconds": seconds,
            **figures,
        }
    )
    return 0
