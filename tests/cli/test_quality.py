"""What `learn` prints is what `evaluate` says."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from preforget.classifier import PreForgettableClassifier
from preforget.cli.console import Console, percent
from preforget.cli.quality import show_coverage, show_quality
from preforget.data import load_data


def test_the_same_figures(learned: Path, pets: Path) -> None:
    model = PreForgettableClassifier.from_pretrained(learned)
    test = load_data(pets).test
    stream = io.StringIO()
    values = show_quality(model, test, Console(stream, False))
    quality = model.evaluate(test)
    assert quality.calibration is not None
    assert values == {
        "test_images": len(test),
        "accuracy": quality.accuracy,
        "abstained": quality.abstained,
        "ece": quality.calibration.error,
    }
    assert quality.accuracy is not None
    assert stream.getvalue().startswith(f"accuracy   {percent(quality.accuracy)}   of best guesses")
    model.on_unknown = "best"
    assert model.evaluate(test).abstained == quality.abstained


def test_no_images(learned: Path, pets: Path) -> None:
    model = PreForgettableClassifier.from_pretrained(learned)
    stream = io.StringIO()
    values = show_quality(model, load_data(pets).test.only([]), Console(stream, False))
    assert values == {"test_images": 0, "accuracy": None, "abstained": None, "ece": None}
    assert "no test inputs" in stream.getvalue()


def test_coverage_of_each_class_and_a_warning_where_it_does_not_hold(
    learned: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = PreForgettableClassifier.from_pretrained(learned)
    stream = io.StringIO()
    values = show_coverage(model, Console(stream, False))
    assert [one["label"] for one in values] == ["cat", "dog", "owl"]
    assert stream.getvalue().count("held-out inputs are answered") == 3
    assert capsys.readouterr().err == ""
    found = model.engine_.coverage(0.95)
    few = [replace(found[0], answered=0, interval=(0.0, 0.3)), *found[1:]]
    monkeypatch.setattr(model.engine_, "coverage", lambda keep: [*few] * 5)
    show_coverage(model, Console(stream, False))
    assert "warning: of cat 0 of" in capsys.readouterr().err
    assert "of each of 15 classes are answered" in stream.getvalue()
