"""How good a model is, in a few lines: what `learn`, `add` and `refit` print."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from preforget.cli.console import Console, note, percent, printable

if TYPE_CHECKING:
    from preforget.classifier import PreForgettableClassifier
    from preforget.data import Split
    from preforget.metrics.conditions import ConditionQuality


MOST_LISTED = 12
"""Of more classes, coverage is printed as a range, and by itself only for those where it doesn't hold."""


def show_quality(model: PreForgettableClassifier, test: Split, console: Console) -> dict[str, Any]:
    """Print what `model.evaluate` says of test images, and return it as plain values, None without images."""
    quality = model.evaluate(test)
    ece = None if quality.calibration is None else quality.calibration.error
    values: dict[str, Any] = {
        "test_images": quality.inputs,
        "accuracy": quality.accuracy,
        "abstained": quality.abstained,
        "ece": ece,
    }
    if not quality.inputs:
        console.line("accuracy   unknown: the data have no test images")
        return values
    if model.engine_.multilabel:
        _show_conditions(quality.conditions, quality.inputs, console)
        mean = quality.mean_average_precision
        console.line(f"mean AP    {'unknown' if mean is None else f'{mean:.3f}'}")
        conditions = [asdict(condition) for condition in quality.conditions]
        return {**values, "mean_average_precision": mean, "conditions": conditions}
    console.line(
        f"accuracy   {percent(quality.accuracy or 0.0)}   of best guesses on {quality.inputs:,} test images"
    )
    aim = percent(1 - model.keep).strip()
    console.line(
        f"abstained  {percent(quality.abstained or 0.0)}   of them; the threshold is set for {aim} of validation images"
    )
    if quality.calibration is not None:
        floor = quality.calibration.floor
        console.line(
            f"ECE          {ece:.3f}   of best guesses; chance alone would show {floor:.3f} undebiased"
        )
    return values


def show_coverage(model: PreForgettableClassifier, console: Console) -> list[dict[str, Any]]:
    """Print how many held-out inputs of each class are answered, warn where that isn't what was asked, return it."""
    found, keep = model.engine_.coverage(model.keep), model.keep
    width = max((len(printable(one.label)) for one in found), default=0)
    for one in found:
        low, high = (percent(end).strip() for end in one.interval)
        said = f"{one.answered} of {one.held_out} held-out inputs are answered; 95 % interval {low} to {high}"
        if len(found) <= MOST_LISTED:
            console.line(f"coverage   {printable(one.label):{width}}  {said}")
        if not one.holds(keep):
            note(f"warning: of {printable(one.label)} {said}, which doesn't hold {percent(keep).strip()}")
    if len(found) > MOST_LISTED:
        shares = [one.share for one in found if one.share is not None]
        counts = [one.held_out for one in found]
        if shares:
            console.line(
                f"coverage   {percent(min(shares)).strip()} to {percent(max(shares)).strip()} of {min(counts)} to "
                f"{max(counts)} held-out inputs of each of {len(found)} classes are answered"
            )
    return [
        {
            "label": one.label,
            "held_out": one.held_out,
            "answered": one.answered,
            "interval": list(one.interval),
        }
        for one in found
    ]


def _show_conditions(conditions: tuple[ConditionQuality, ...], inputs: int, console: Console) -> None:
    width = max((len(printable(condition.label)) for condition in conditions), default=0)
    for condition in conditions:
        if condition.average_precision is not None and condition.auroc is not None:
            console.line(
                f"{printable(condition.label):{width}}  AP {condition.average_precision:.3f}  "
                f"AUROC {condition.auroc:.3f}  on {condition.count} of {inputs} test images"
            )
