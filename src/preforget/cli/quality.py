"""The quality of a model in a few lines, as `learn`, `add` and `refit` print it."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from preforget.cli.console import Console, note, percent, printable

if TYPE_CHECKING:
    from preforget.classifier import PreForgettableClassifier
    from preforget.data import Dataset, Split
    from preforget.metrics.conditions import ConditionQuality


MOST_LISTED = 12
"""For more classes coverage is printed as a range, and singly only for those in which it doesn't hold."""


def show_quality(model: PreForgettableClassifier, test: Split, console: Console) -> dict[str, Any]:
    """Print the measures of `model.evaluate` on test inputs and return them as plain values, None without inputs."""
    quality = model.evaluate(test)
    ece = None if quality.calibration is None else quality.calibration.error
    values: dict[str, Any] = {
        "test_images": quality.inputs,
        "accuracy": quality.accuracy,
        "abstained": quality.abstained,
        "ece": ece,
    }
    if not quality.inputs:
        console.line("accuracy   unknown: the data have no test inputs")
        return values
    if model.engine_.multilabel:
        _show_conditions(quality.conditions, quality.inputs, console)
        mean = quality.mean_average_precision
        console.line(f"mean AP    {'unknown' if mean is None else f'{mean:.3f}'}")
        conditions = [asdict(condition) for condition in quality.conditions]
        return {**values, "mean_average_precision": mean, "conditions": conditions}
    console.line(
        f"accuracy   {percent(quality.accuracy or 0.0)}   of best guesses on {quality.inputs:,} test inputs"
    )
    aim = percent(1 - model.keep_).strip()
    console.line(
        f"abstained  {percent(quality.abstained or 0.0)}   of them; the threshold is set for {aim} of validation inputs"
    )
    if quality.calibration is not None:
        floor = quality.calibration.floor
        console.line(
            f"ECE          {ece:.3f}   of best guesses; chance alone would show {floor:.3f} undebiased"
        )
    return values


def show_coverage(model: PreForgettableClassifier, console: Console) -> list[dict[str, Any]]:
    """Print how many held-out inputs of each class are answered, warn if that isn't the set share, and return it."""
    coverage, keep = model.engine_.coverage(model.keep_), model.keep_
    width = max((len(printable(part.label)) for part in coverage), default=0)
    for part in coverage:
        low, high = (percent(end).strip() for end in part.interval)
        sentence = (
            f"{part.answered} of {part.held_out} held-out inputs are answered; 95 % interval {low} to {high}"
        )
        if len(coverage) <= MOST_LISTED:
            console.line(f"coverage   {printable(part.label):{width}}  {sentence}")
        share = keep.of(part.label)
        if not part.holds(share):
            note(
                f"warning: of {printable(part.label)} {sentence}, which doesn't hold {percent(share).strip()}"
            )
    if len(coverage) > MOST_LISTED:
        shares = [part.share for part in coverage if part.share is not None]
        counts = [part.held_out for part in coverage]
        if shares:
            console.line(
                f"coverage   {percent(min(shares)).strip()} to {percent(max(shares)).strip()} of {min(counts)} to "
                f"{max(counts)} held-out inputs of each of {len(coverage)} classes are answered"
            )
    return [
        {
            "label": part.label,
            "held_out": part.held_out,
            "answered": part.answered,
            "interval": list(part.interval),
        }
        for part in coverage
    ]


def _show_conditions(conditions: tuple[ConditionQuality, ...], inputs: int, console: Console) -> None:
    width = max((len(printable(condition.label)) for condition in conditions), default=0)
    for condition in conditions:
        if condition.average_precision is not None and condition.auroc is not None:
            console.line(
                f"{printable(condition.label):{width}}  AP {condition.average_precision:.3f}  "
                f"AUROC {condition.auroc:.3f}  on {condition.count} of {inputs} test inputs"
            )


def show_learned(
    model: PreForgettableClassifier,
    data: Dataset,
    seconds: float,
    args: argparse.Namespace,
    console: Console,
) -> int:
    """Say what was learned and how good it is."""
    remark = model.engine_.encoder.remark(data.train.inputs)
    if remark is not None:
        note(remark)
    console.line(f"learned {len(data.classes)} classes from {len(data.train):,} inputs in {seconds:.1f} s")
    figures = show_quality(model, data.test, console)
    coverage = show_coverage(model, console)
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
            "coverage": coverage,
        }
    )
    return 0
