"""What `learn` prints is what `evaluate` says."""

from __future__ import annotations

import io
from pathlib import Path

from preforget.classifier import PreForgettableClassifier
from preforget.cli.console import Console, percent
from preforget.cli.quality import show_quality
from preforget.data import load_data


def test_the_same_figures(learned: Path, pets: Path) -> None:
    model = PreForgettableClassifier.from_pretrained(learned)
    test = load_data(pets).test
    stream = io.StringIO()
    values = show_quality(model, test, Console(stream, False))
    quality = model.evaluate(test)
    assert values == {"test_images": len(test), "accuracy": quality.accuracy, "abstained": quality.abstained}
    assert quality.accuracy is not None
    assert stream.getvalue().startswith(f"accuracy   {percent(quality.accuracy)}   of best guesses")
    model.on_unknown = "best"
    assert model.evaluate(test).abstained == quality.abstained


def test_no_images(learned: Path, pets: Path) -> None:
    model = PreForgettableClassifier.from_pretrained(learned)
    stream = io.StringIO()
    values = show_quality(model, load_data(pets).test.only([]), Console(stream, False))
    assert values == {"test_images": 0, "accuracy": None, "abstained": None}
    assert "no test images" in stream.getvalue()
