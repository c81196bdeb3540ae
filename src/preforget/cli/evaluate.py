"""`preforget evaluate MODEL DATA`: how good a model is, and whether it abstains on what it should not know."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preforget.cli.answer_format import add_format, choose_format, table_line
from preforget.cli.console import Console, percent, printable
from preforget.cli.elsewhere import add_on, add_work, check_work, elsewhere, state_of
from preforget.cli.options import (
    Commands,
    add_command,
    add_data,
    add_force,
    add_keep,
    add_model,
    add_shortlist,
    load_model,
    read_data,
)
from preforget.core.errors import DataError, UsageError
from preforget.core.paths import given_path
from preforget.core.targets import check_target, write_target

if TYPE_CHECKING:
    from preforget.classifier import PreForgettableClassifier
    from preforget.classifier.evaluating import Evaluation
    from preforget.classifier.measured import Measured
    from preforget.data import Split

COLUMNS = ("class", "known", "inputs", "answered", "precision", "recall", "answered_low", "answered_high")
PARTS = ("test", "validation", "train")


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "evaluate",
        "measure how good a model is on labelled data",
        "Classes in DATA that the model doesn't know, such as forgotten ones, are reported by themselves: it should "
        "abstain on them.",
    )
    add_model(parser)
    add_data(parser)
    parser.add_argument(
        "--part", choices=PARTS, default="test", help="which part of DATA to measure on (default: test)"
    )
    parser.add_argument("--seed", type=int, help="of splits that are made (default: the model's)")
    add_keep(parser, "here")
    add_shortlist(parser)
    add_on(parser)
    add_work(parser)
    add_format(parser)
    parser.add_argument("--csv", action="store_true", help="the same as --format csv: one line per class")
    parser.add_argument(
        "--html", metavar="FILE", type=Path, help="write a page with tables and pictures, too"
    )
    add_force(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Answer the part once and print the measures."""
    from preforget.classifier.evaluation_page import lines

    if args.csv and (args.json or args.format not in (None, "text", "csv")):
        raise UsageError(f"--csv and --{'json' if args.json else 'format'} are two ways to print; give one")
    check_work(args)
    form = "csv" if args.csv else choose_format(args, console)
    page = None if args.html is None else given_path(args.html)
    if page is not None:
        check_target(page, force=args.force)
    model = load_model(args, shortlist=args.shortlist)
    data = read_data(args, model.engine_.config.seed if args.seed is None else args.seed)
    part = getattr(data, args.part)
    if not len(part):
        raise DataError(f"{args.data} has no {args.part} inputs; choose another with --part")
    measured = model.evaluate(part, progress=True) if args.on is None else _elsewhere(args, model, part)
    if page is not None:
        title = f"Evaluation of {args.model} on {args.data}"
        write_target(page, measured.to_html(title).encode(), force=args.force)
    for line in [*_whole(lines(measured)), *_each(measured)] if form == "text" else table(measured, form):
        console.line(line)
    values: dict[str, Any] = {"model": str(args.model), "data": args.data, "part": args.part}
    console.result({**values, **measured.as_dict(), "html": None if page is None else str(page)})
    return 0


def _elsewhere(args: argparse.Namespace, model: PreForgettableClassifier, part: Split) -> Evaluation:
    """Let other processes or machines score the inputs."""
    from preforget.classifier.elsewhere import evaluate_over
    from preforget.core.hashing import value_digest
    from preforget.data.digest import split_digest

    with elsewhere(args, model) as (executor, work):
        digest = "" if work is None else value_digest([*state_of(model), split_digest(part)])
        return evaluate_over(model, executor, part, work=work, digest=digest, progress=True)


def table(measured: Measured, form: str) -> Iterator[str]:
    """Yield one line per class with a line of names first, as `tsv` or `csv`."""
    yield table_line(COLUMNS, form)
    for measured_class in measured.classes:
        low, high = measured_class.interval
        figures = [
            "" if x is None else f"{x:.6f}"
            for x in (measured_class.precision, measured_class.recall, low, high)
        ]
        cells = [printable(measured_class.label), "yes", measured_class.count, measured_class.answered]
        yield table_line([*cells, *figures], form)
    for other in measured.unknown:
        answered = other.count - other.abstained
        yield table_line([printable(other.label), "no", other.count, answered, "", "", "", ""], form)
    for condition in measured.conditions:
        yield table_line([printable(condition.label), "yes", condition.count, "", "", "", "", ""], form)


def _whole(pairs: Iterator[tuple[str, str]]) -> Iterator[str]:
    for name, text in pairs:
        yield f"{name:10} {text}"


def _each(measured: Measured) -> Iterator[str]:
    """Yield one line per class for people."""
    labels = [entry.label for entry in measured.classes] + [entry.label for entry in measured.unknown]
    labels += [entry.label for entry in measured.conditions]
    width = max((len(printable(label)) for label in labels), default=0)
    for entry in measured.classes:
        low, high = entry.interval
        yield (
            f"{printable(entry.label):{width}}  {entry.count:5} inputs  precision {_shown(entry.precision)}  "
            f"recall {_shown(entry.recall)}  answered {_shown(entry.answered / entry.count if entry.count else None)} "
            f"({percent(low).strip()} to {percent(high).strip()})"
        )
    for other in measured.unknown:
        yield (
            f"{printable(other.label):{width}}  {other.count:5} inputs  not known; abstained "
            f"{_shown(other.abstained / other.count)}"
        )
    for condition in measured.conditions:
        if condition.average_precision is not None and condition.auroc is not None:
            yield (
                f"{printable(condition.label):{width}}  {condition.count:5} inputs  "
                f"AP {condition.average_precision:.3f}  AUROC {condition.auroc:.3f}"
            )


def _shown(value: float | None) -> str:
    return "      –" if value is None else percent(value)
