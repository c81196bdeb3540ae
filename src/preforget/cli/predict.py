"""`preforget predict MODEL FILE...`: one line per image or sound."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from preforget.cli.console import Console, printable
from preforget.cli.options import Commands, add_command, add_model, load_model
from preforget.core.abstain import ABSTAIN
from preforget.core.errors import DataError
from preforget.core.paths import exists, given_path

AT_ONCE = 128


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "predict",
        "answer images or sounds, or abstain",
        "Prints path, answer or 'abstain', and the probability of the best class, divided by tabs; of a model with "
        "several labels per input, path, all answers and each condition's probability.",
    )
    add_model(parser)
    parser.add_argument(
        "files", metavar="FILE", nargs="+", type=Path, help="image or sound, or a folder: all of them in it"
    )
    parser.add_argument(
        "--without",
        metavar="LABEL",
        nargs="+",
        action="extend",
        default=[],
        help="classes to leave out of this request alone",
    )
    parser.add_argument(
        "--shortlist",
        metavar="N",
        type=int,
        default=0,
        help="for many classes: score only each image's N most promising ones (default: all)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Read the paths, load the model, answer."""
    from preforget.data import as_inputs

    files = [file for given in args.files for file in image_files(given)]
    as_inputs(files)
    model = load_model(args, shortlist=args.shortlist)
    from preforget.training.progress import track

    found: list[tuple[Path, Any, dict[str, float]]] = []
    starts = range(0, len(files), AT_ONCE)
    many = len(files) > AT_ONCE
    for start in track(starts, total=len(files), what="answering", unit="image", show=many, step=AT_ONCE):
        part = files[start : start + AT_ONCE]
        answers, labels, probabilities = model.answer(part, without=args.without)
        own = [dict(zip(labels, map(float, row), strict=True)) for row in probabilities]
        found += zip(part, answers, own, strict=True)
    multilabel = model.engine_.multilabel
    for path, answer, odds in found:
        shown = ", ".join(map(printable, answered(answer))) or "abstain"
        best = f"{max(odds.values(), default=0.0):.4f}"
        each = "\t".join(f"{printable(label)} {probability:.4f}" for label, probability in odds.items())
        console.line(f"{printable(str(path))}\t{shown}\t{each if multilabel else best}")
    console.result(
        {
            "model": str(args.model),
            "without": args.without,
            "predictions": [
                {
                    "path": str(path),
                    "answer": max(answered(answer), key=odds.__getitem__, default=None),
                    "answers": answered(answer),
                    "abstained": answer is ABSTAIN,
                    "probability": max(odds.values(), default=0.0),
                    "probabilities": odds,
                }
                for path, answer, odds in found
            ],
        }
    )
    return 0


def answered(answer: Any) -> list[str]:
    """Return the labels of an answer: one, several, or none."""
    if answer is ABSTAIN:
        return []
    return [answer] if isinstance(answer, str) else list(answer)


def image_files(given: Path) -> list[Path]:
    """Return `given` itself, or the images and sounds at any depth of a folder, sorted, without hidden ones.

    Raises `DataError` for a folder without any.
    """
    from preforget.data.folder import EXTENSIONS

    path = given_path(given)
    if not (exists(path) and path.is_dir()):
        return [path]
    images = sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in EXTENSIONS
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not images:
        raise DataError(f"{path}: no image in this folder, nor a sound")
    return images
