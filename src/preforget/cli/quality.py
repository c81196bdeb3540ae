"""How good a model is, in a few lines: what `learn`, `add` and `refit` print."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from preforget.cli.console import Console, percent, printable

if TYPE_CHECKING:
    from preforget.classifier import PreForgettableClassifier
    from preforget.data import Split
    from preforget.metrics.conditions import ConditionQuality


def show_quality(model: PreForgettableClassifier, test: Split, console: Console) -> dict[str, Any]:
    """Print what `model.evaluate` says of test images, and return it as plain values, None without images."""
    quality = model.evaluate(test)
    values: dict[str, Any] = {
        "test_images": quality.inputs,
        "accuracy": quality.accuracy,
        "abstained": quality.abstained,
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
    return values


def _show_conditions(conditions: tuple[ConditionQuality, ...], inputs: int, console: Console) -> None:
    width = max((len(printable(condition.label)) for condition in conditions), default=0)
    for condition in conditions:
        if condition.average_precision is not None and condition.auroc is not None:
            console.line(
                f"{printable(condition.label):{width}}  AP {condition.average_precision:.3f}  "
                f"AUROC {condition.auroc:.3f}  on {condition.count} of {inputs} test images"
            )
