"""`preforget predict MODEL FILE...`: one line per image or sound."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preforget.cli.answer_file import Output, add_out
from preforget.cli.answer_format import add_format, table_line
from preforget.cli.argument_order import NEEDED_UNLESS
from preforget.cli.console import Console, note, printable
from preforget.cli.elsewhere import add_on, add_work, check_work, elsewhere, files_digest, state_of
from preforget.cli.options import (
    Commands,
    add_command,
    add_keep,
    add_model,
    add_shortlist,
    load_to_answer,
)
from preforget.core.abstain import ABSTAIN
from preforget.core.errors import DataError, UsageError
from preforget.core.paths import exists, given_path, shortened

if TYPE_CHECKING:
    from preforget.classifier.answering import Answers
    from preforget.classifier.elsewhere import Broken
    from preforget.classifier.model import Model

AT_ONCE = 128
COLUMNS = ("path", "answer", "probability", "confidence", "threshold", "p_none")


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "predict",
        "answer images, sounds or texts, or abstain",
        "Prints path, answer or 'abstain', and the basis of the decision: the confidence, the threshold that it must "
        "reach, and how "
        "likely the input is of no known class, divided by tabs; of a model with several labels per input, path, all "
        "answers and each condition's probability.",
    )
    add_model(parser)
    files = parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        type=Path,
        help="image, sound or .txt file, or a folder: all in it",
    )
    setattr(files, NEEDED_UNLESS, "--text")
    parser.add_argument("--text", metavar="TEXT", nargs="+", help="texts to answer, instead of files")
    parser.add_argument(
        "--without",
        metavar="LABEL",
        nargs="+",
        action="extend",
        default=[],
        help="classes to leave out of this request only",
    )
    parser.add_argument(
        "--top-k",
        metavar="N",
        type=count,
        help="print each input's N most probable classes, whether it is answered or not",
    )
    add_shortlist(parser)
    add_keep(parser, "in this request")
    add_on(parser)
    add_work(parser)
    add_format(parser)
    add_out(parser)
    parser.add_argument(
        "--strict",
        action="store_true",
        help="end with exit code 1 if a file can't be answered (default: only if none can)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Read the paths, load the model, answer."""
    from preforget.data import as_inputs

    check_work(args)
    output = Output.of(args, console)
    if args.on is not None and (args.text or any(given.suffix.lower() == ".npy" for given in args.files)):
        raise UsageError("--on is about many files, one input each; leave it out")
    if args.text or all(given.suffix.lower() in (".txt", ".npy") for given in args.files):
        return _answer_rows(args, output)
    files = [file for given in args.files for file in image_files(given)]
    as_inputs(files)
    model = load_to_answer(args, shortlist=args.shortlist)
    parts = [files[start : start + AT_ONCE] for start in range(0, len(files), AT_ONCE)]
    answers = _here(model, parts, args) if args.on is None else _elsewhere(model, parts, args)
    rows = [row for answered_rows, _ in answers for row in answered_rows]
    broken = [(Path(path), why) for _, unusable in answers for path, why in unusable]
    for path, why in broken:
        note(printable(f"{path}: {why}"))
    if not rows:
        which = "the file can't" if len(files) == 1 else f"none of the {len(files):,} files can"
        raise DataError(f"{which} be answered; see the reasons above")
    return _print(args, output, model, rows, broken)


Answered = tuple[list[dict[str, Any]], list[list[str]]]
"""The entries of files, and the paths of those that can't be answered, each with the reason; plain values."""


def _answered(files: list[Path], answers: Answers | None, broken: Broken, top: int | None) -> Answered:
    rows = [] if answers is None else list(entries(files, answers, top))
    return rows, [[str(path), why] for path, why in broken]


def _here(model: Model, parts: Sequence[list[Path]], args: argparse.Namespace) -> list[Answered]:
    from preforget.classifier.elsewhere import respond_to_files
    from preforget.training.progress import track

    total, many = sum(map(len, parts)), len(parts) > 1
    shown = track(parts, total=total, what="answering", unit="input", show=many, step=AT_ONCE)
    return [_answered(*respond_to_files(model, part, args.without), args.top_k) for part in shown]


def _elsewhere(model: Model, parts: Sequence[list[Path]], args: argparse.Namespace) -> list[Answered]:
    """Let other processes or machines answer; parts that are in the folder of finished parts are passed over."""
    from preforget.classifier.elsewhere import respond_over
    from preforget.training.progress import counting

    done: dict[int, Answered] = {}
    with elsewhere(args, model) as (executor, work):
        facts = [*state_of(model), args.without, args.top_k]
        keys = [[*facts, files_digest(part)] if work is not None else [] for part in parts]
        if work is not None:
            done = {n: value for n, key in enumerate(keys) if (value := work.get(*key)) is not None}
        left = [n for n in range(len(parts)) if n not in done]
        with counting(total=sum(map(len, parts)), what="answering", unit="input", show=True) as count:
            count(sum(len(parts[n]) for n in done))
            for place, answered in respond_over(model, executor, [parts[n] for n in left], args.without):
                number = left[place]
                done[number] = _answered(*answered, args.top_k)
                if work is not None:
                    work.put(done[number], *keys[number])
                count(len(parts[number]))
    return [done[number] for number in range(len(parts))]


def _answer_rows(args: argparse.Namespace, output: Output) -> int:
    """Answer texts that were typed, or that .txt files hold, one each, or the vectors of one .npy file."""
    from preforget.data import texts_of
    from preforget.data.text_files import read_text
    from preforget.data.vector_files import read_vectors

    if not args.files and not args.text:
        raise UsageError("the following arguments are required: FILE, or --text TEXT")
    if args.files and args.text:
        raise UsageError("give files or --text, not both")
    paths = [given_path(file) for file in args.files]
    names: list[Path | str] = [*paths, *(args.text or [])]
    inputs: Any
    if any(path.suffix.lower() == ".npy" for path in paths):
        if len(paths) > 1:
            raise UsageError("give one .npy file of vectors")
        inputs = read_vectors(paths[0])
        names = [f"{paths[0]}[{row}]" for row in range(len(inputs))]
    else:
        inputs = texts_of(args.text or [read_text(path) for path in paths])
    model = load_to_answer(args, shortlist=args.shortlist)
    rows = list(entries(names, model.respond(inputs, without=args.without), args.top_k))
    return _print(args, output, model, rows, [])


def _print(
    args: argparse.Namespace,
    output: Output,
    model: Any,
    rows: list[dict[str, Any]],
    broken: list[tuple[Path, str]],
) -> int:
    """Print the answers, and return the exit code."""
    form = output.form
    output.write(
        _text(rows, model.engine_.multilabel) if form == "text" else _table(rows, form),
        {
            "model": str(args.model),
            "without": args.without,
            "keep": float(model.keep_),
            "keep_by_class": dict(model.keep_.classes),
            "predictions": rows,
            "broken": [{"path": str(path), "reason": why} for path, why in broken],
        },
        len(rows),
    )
    return 1 if broken and args.strict else 0


def count(text: str) -> int:
    """Read a whole number of 1 or more; raises `argparse.ArgumentTypeError`."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 1 or more")
    return int(text)


def entries(
    files: Sequence[Path | str], predicted: Answers, top: int | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the answer for each file, as plain values; docs/guides/answers.md describes them.

    `top`: how many of the most probable classes are listed by themselves.
    """
    for row, (path, answer) in enumerate(zip(files, predicted.answers, strict=True)):
        odds = {
            label: float(p) for label, p in zip(predicted.labels, predicted.probabilities[row], strict=True)
        }
        answers = answered(answer)
        best = max(answers, key=odds.__getitem__, default=None)
        known = None if predicted.known is None else float(predicted.known[row])
        ranked = sorted(odds, key=odds.__getitem__, reverse=True)[:top]
        yield {
            "path": str(path),
            "answer": best,
            "answers": answers,
            "abstained": answer is ABSTAIN,
            "probability": None if best is None else odds[best],
            "confidence": _finite(predicted.confidence[row]),
            "threshold": _finite(predicted.limit[row]),
            "p_none": None if known is None else 1 - known,
            "probabilities": odds,
            **(
                {}
                if top is None
                else {"top": [{"label": name, "probability": odds[name]} for name in ranked]}
            ),
        }


def _finite(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None


def _text(rows: list[dict[str, Any]], multilabel: bool) -> Iterator[str]:
    for row in rows:
        named = ", ".join(map(printable, row["answers"])) or "abstain"
        parts = [] if multilabel else [_number(row[name]) for name in ("confidence", "threshold", "p_none")]
        if "top" in row:
            parts += [f"{printable(each['label'])} {each['probability']:.4f}" for each in row["top"]]
        elif multilabel:
            parts = [f"{printable(label)} {p:.4f}" for label, p in row["probabilities"].items()]
        yield "\t".join([printable(row["path"]), named, *parts])


def _table(rows: list[dict[str, Any]], form: str) -> Iterator[str]:
    """Yield a header and one line per file; several answers are divided by `; `, an abstention is empty.

    The columns after `COLUMNS` are the probabilities of all classes, or name and probability of the most probable ones.
    """
    top = range(1, len(rows[0].get("top", ())) + 1)
    labels = [] if top else list(rows[0]["probabilities"])
    ranks = [name for rank in top for name in (f"top_{rank}", f"p_{rank}")]
    yield table_line([*COLUMNS, *(f"p:{printable(label)}" for label in labels), *ranks], form)
    for row in rows:
        cells = [
            printable(row["path"]),
            "; ".join(map(printable, row["answers"])),
            *(_number(row[name]) for name in COLUMNS[2:]),
            *(_number(row["probabilities"][label]) for label in labels),
            *(
                cell
                for each in row.get("top", ())
                for cell in (printable(each["label"]), _number(each["probability"]))
            ),
        ]
        yield table_line(cells, form)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def answered(answer: Any) -> list[str]:
    """Return the labels of an answer: one, several, or none."""
    if answer is ABSTAIN:
        return []
    return [answer] if isinstance(answer, str) else list(answer)


def image_files(given: Path) -> list[Path]:
    """Return `given` itself, or the images and sounds at any depth of a folder, sorted, without hidden ones.

    Raises `UsageError` for a path that doesn't exist, `DataError` for a folder without any.
    """
    from preforget.data.listing import Listing

    path = given_path(given)
    if not exists(path):
        raise UsageError(f"{shortened(path, 300)}: no such file")
    if not path.is_dir():
        return [path]
    listing = Listing()
    images = [Path(file) for file in listing.all_files(path)]
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in listing.counts())
    if not images:
        raise DataError(
            f"{path}: no image in this folder, nor a sound" + (f" ({left_out})" if left_out else "")
        )
    if left_out:
        note(printable(f"{path}: left out: {left_out}"))
    return images
