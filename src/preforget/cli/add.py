"""`preforget add MODEL LABEL... DATA`: learn more classes, or more of a class; the others are not touched.

`preforget add MODEL --into A --from B` makes one class of two, without data.
"""

from __future__ import annotations

import argparse
import time

from preforget.cli.console import Console, Interrupted, note, printable
from preforget.cli.naming import find_name
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
from preforget.core.errors import UsageError


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "add",
        "learn more classes into a model, or more of a class",
        "DATA holds inputs of the classes and, to tell them apart, of classes that the model knows. Classes that are "
        "added together are learned together and written in one step.",
    )
    add_model(parser)
    parser.add_argument("labels", metavar="LABEL", nargs="*", help="class to learn, as DATA names it")
    add_data(parser, optional=True)
    parser.add_argument(
        "--more",
        action="store_true",
        help="the model knows the classes already, and these are further inputs of them (engines isolated and exact)",
    )
    parser.add_argument(
        "--into", metavar="A", help="with --from, instead of LABEL and DATA: the class that stays"
    )
    parser.add_argument(
        "--from",
        dest="merged",
        metavar="B",
        help="add what is known of class B to class A; B is no class any more (exact engine)",
    )
    add_similar_names(parser)
    parser.add_argument("--seed", type=int, help="of splits that are made (default: the model's)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Learn the classes, or make one of two."""
    if args.data is None and args.labels:  # the parser gives all names to LABEL
        args.data = args.labels.pop()
    if args.into is not None or args.merged is not None:
        return _merge(args, console)
    if not args.labels:
        raise UsageError(
            "give LABEL and DATA, as in preforget add MODEL dog photos/, or --into A --from B to make one class of two"
        )
    return _learn(args, console)


def _learn(args: argparse.Namespace, console: Console) -> int:
    """Learn the classes and measure on test inputs of all classes that the model then knows."""
    model = load_model(args)
    data = read_data(args, model.engine_.config.seed if args.seed is None else args.seed)
    if model.engine_.adding and not args.more:
        note(model.engine_.adding)
    start = time.perf_counter()
    try:
        model.add(
            args.labels,
            data.train,
            validation=data.validation,
            more=args.more,
            subjects=data.train.subjects,
            cache_dir=args.cache_dir,
            keep_similar_names=args.keep_similar_names,
            progress=True,
        )
    except KeyboardInterrupt:
        raise Interrupted("interrupted; the model is as it was") from None
    seconds = time.perf_counter() - start
    what = "further inputs of " if args.more else ""
    named = ", ".join(map(printable, args.labels))
    console.line(f"added {what}{named} in {seconds:.1f} s; {len(model.labels)} classes answer now")
    figures = show_quality(model, data.test.only(model.labels), console)
    console.result(
        {
            "model": str(args.model),
            "added": args.labels[0] if len(args.labels) == 1 else args.labels,
            "more": args.more,
            "classes": model.labels,
            "learn_seconds": seconds,
            **figures,
        }
    )
    return 0


def _merge(args: argparse.Namespace, console: Console) -> int:
    """Add the sums of one class to those of another."""
    if args.into is None or args.merged is None:
        raise UsageError("--into A and --from B belong together: B becomes a part of A")
    if args.data is not None:
        raise UsageError(
            "--into A --from B makes one class of two that the model knows; leave LABEL and DATA out"
        )
    if args.more:
        raise UsageError("--more is for further inputs, and --into A --from B takes none; give one of them")
    model = load_model(args)
    known = model.engine_.bank.labels
    into, merged = (find_name("class", name, known, may_ask=False) for name in (args.into, args.merged))
    model.merge(into, merged)
    console.line(f"{printable(merged)} is part of {printable(into)} now; {len(model.labels)} classes answer")
    console.result({"model": str(args.model), "into": into, "from": merged, "classes": model.labels})
    return 0
