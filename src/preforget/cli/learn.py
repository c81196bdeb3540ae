"""`preforget learn DATA --out MODEL`: learn all classes, save the model, say how good it is."""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preforget.cli.console import Console, Interrupted, note, percent, printable
from preforget.cli.engine_options import DEFAULT_ENGINE, add_engine_options, given_options
from preforget.cli.options import (
    Commands,
    add_command,
    add_data,
    add_keyring,
    add_machine,
    keyring,
    read_data,
)
from preforget.core.errors import DataError, StoreError
from preforget.core.paths import given_path
from preforget.engines.options import OPTIONS

if TYPE_CHECKING:
    from preforget.classifier import PreForgettableClassifier
    from preforget.data import Dataset, Split

LEAST = 2


def add_to(commands: Commands[argparse.ArgumentParser], engine: str = DEFAULT_ENGINE) -> None:
    """Enter the command; `engine`: the one that the command line names, whose options are listed with ours."""
    parser = add_command(
        commands,
        "learn",
        "learn the classes of a data set into a new model folder",
        "Interrupted, the same command goes on where it was.",
    )
    add_data(parser)
    parser.add_argument("--keep-cache", action="store_true", help="leave the file in --cache-dir there")
    parser.add_argument("--out", metavar="MODEL", type=Path, required=True, help="folder to make")
    parser.add_argument(
        "--engine",
        default=DEFAULT_ENGINE,
        metavar="NAME",
        help=f"{', '.join(OPTIONS)} or an extension's (default: {DEFAULT_ENGINE})",
    )
    parser.add_argument(
        "--backbone", default="builtin", metavar="ID-OR-PATH", help="frozen encoder (default: builtin)"
    )
    parser.add_argument(
        "--image-size", type=int, metavar="N", help="pixels, a multiple of the patch; frames of sounds"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of learning, and of splits that are made (default: 0)"
    )
    parser.add_argument(
        "--keep", type=float, default=0.95, help="share of known images to be answered (default: 0.95)"
    )
    add_machine(parser)
    parser.add_argument(
        "--seal", action="store_true", help="encrypt each class with a key of its own, kept in the keyring"
    )
    add_keyring(parser)
    add_engine_options(parser, engine)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Learn, save, measure."""
    from preforget.classifier import PreForgettableClassifier
    from preforget.store.layout import check_free

    options = given_options(args, args.engine)
    place = Path(os.path.abspath(given_path(args.out)))  # noqa: PTH100 - resolve() would follow a link
    check_free(place)
    data = read_data(args, args.seed)
    check_counts(data)
    model = PreForgettableClassifier(
        args.backbone,
        args.engine,
        args.image_size,
        args.seed,
        keep=args.keep,
        device=args.device,
        dtype=args.dtype or "auto",
        **options,
    )
    start = time.perf_counter()
    with checkpoint_beside(place) as checkpoint:
        model.fit(
            data.train,
            validation=data.validation,
            subjects=data.train.subjects,
            cache_dir=args.cache_dir,
            keep_cache=args.keep_cache,
            checkpoint=checkpoint,
            progress=True,
        )
        model.save_pretrained(place, sealed=args.seal, keyring=keyring(args))
    seconds = time.perf_counter() - start
    console.line(f"learned {len(data.classes)} classes from {len(data.train):,} images in {seconds:.1f} s")
    figures = quality(model, data.test, console)
    console.line(f"model      {printable(str(args.out))}")
    console.result(
        {
            "model": str(args.out),
            "engine": model.engine_.name,
            "guarantee": model.engine_.guarantee.value,
            "classes": model.labels,
            "images": len(data.train),
            "learn_seconds": seconds,
            **figures,
        }
    )
    return 0


@contextlib.contextmanager
def checkpoint_beside(place: Path) -> Iterator[Path]:
    """Yield the checkpoint's path beside the model, in a folder that stays only as long as it holds something.

    Raises `StoreError` at once if nothing can be written there, `Interrupted` with a word on how to resume.
    """
    checkpoint = place.with_name(f"{place.name}.learning") / "checkpoint.safetensors"
    made = [folder for folder in checkpoint.parents if not folder.exists()]
    try:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{place.parent} can't be written: {error.strerror or error}") from error
    _clear_cut_off_writes(checkpoint.parent)
    if checkpoint.is_file():
        note(f"going on from the checkpoint {checkpoint}")
    try:
        yield checkpoint
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; a checkpoint is left in {checkpoint.parent}: repeat the command to go on, "
            "or delete that folder"
            if checkpoint.is_file()
            else "interrupted before the first epoch ended; nothing is left"
        ) from None
    finally:
        _clear_cut_off_writes(checkpoint.parent)
        for folder in made or [checkpoint.parent]:
            with contextlib.suppress(OSError):  # not empty
                folder.rmdir()


def _clear_cut_off_writes(folder: Path) -> None:
    """Delete what a kill in the middle of writing a checkpoint left: it holds as much as the checkpoint itself."""
    with contextlib.suppress(OSError):
        for leftover in folder.glob(".writing-*"):
            leftover.unlink()


def check_counts(data: Dataset) -> None:
    """Raise `DataError` for a class with too few images to learn from, counting also those kept for testing."""
    counts = Counter(data.train.labels.tolist())
    whole = counts + Counter(data.validation.labels.tolist()) + Counter(data.test.labels.tolist())
    for label in () if data.train.multilabel else data.classes:  # fit() checks conditions
        if counts[label] < LEAST:
            raise DataError(
                f"class {label!r} has {whole[label]} images, {counts[label]} of them to learn from; learning needs "
                f"at least {LEAST}, so 4 in all where the data are split here; add images or leave the class out"
            )


def quality(model: PreForgettableClassifier, test: Split, console: Console) -> dict[str, Any]:
    """Print and return the best guess's accuracy and the abstained share on test images, None without images."""
    from preforget.demo.look import look

    if not len(test):
        console.line("accuracy   unknown: the data have no test images")
        return {"test_images": 0, "accuracy": None, "abstained": None}
    if model.engine_.multilabel:
        return quality_of_conditions(model, test, console)
    seen = look(model, test)
    accuracy, abstained = seen.accuracy(), float(seen.abstained.mean())
    console.line(f"accuracy   {percent(accuracy)}   of best guesses on {len(test):,} test images")
    aim = percent(1 - model.keep).strip()
    console.line(
        f"abstained  {percent(abstained)}   of them; the threshold is set for {aim} of validation images"
    )
    return {"test_images": len(test), "accuracy": accuracy, "abstained": abstained}


def quality_of_conditions(model: PreForgettableClassifier, test: Split, console: Console) -> dict[str, Any]:
    """Print and return average precision and AUROC of each condition, and the share of images without an answer."""
    from dataclasses import asdict

    from preforget.core.abstain import ABSTAIN
    from preforget.data.multilabel import marks
    from preforget.metrics.conditions import mean_average_precision, per_condition

    answers, labels, probabilities = model.answer(test.inputs)
    found = per_condition(labels, probabilities, marks(test.labels, labels))
    width = max(map(len, map(printable, labels)), default=0)
    for one in found:
        if one.average_precision is not None and one.auroc is not None:
            console.line(
                f"{printable(one.label):{width}}  AP {one.average_precision:.3f}  AUROC {one.auroc:.3f}  "
                f"on {one.count} of {len(test)} test images"
            )
    mean = mean_average_precision(found)
    console.line(f"mean AP    {'unknown' if mean is None else f'{mean:.3f}'}")
    return {
        "test_images": len(test),
        "accuracy": None,
        "abstained": sum(answer is ABSTAIN for answer in answers) / len(test),
        "mean_average_precision": mean,
        "conditions": [asdict(one) for one in found],
    }
