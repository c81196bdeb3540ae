"""The page of an evaluation: everything is said, nothing runs, and names can't break it."""

from __future__ import annotations

import numpy as np

from preforget.classifier.evaluation_page import lines, page
from preforget.classifier.measured import Measured, facts
from preforget.data.dataset import label_array
from preforget.metrics.conditions import ConditionQuality

ODD = "<script>x</script>"


def measured() -> Measured:
    scores = np.eye(2, dtype=np.float32)[[0, 1, 1, 0]]
    truth = label_array(["a", ODD, ODD, "gone"])
    answers = np.array(["a", ODD, ODD, "a"], dtype=object)
    confidence = np.arange(4, dtype=np.float32)
    found = facts(truth, ["a", ODD], scores, scores, confidence, answers, np.random.default_rng(0))
    return Measured(4, keep=0.9, **found)


def test_all_is_said_and_escaped() -> None:
    text = page(measured(), "Evaluation of <b>")
    assert "<script>" not in text
    assert "Evaluation of &lt;b&gt;" in text
    assert text.count("<svg") == 3
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org", "")
    for part in ("accuracy", "ECE", "gone", "AUROC 0.000", "to abstain on"[:0], "100.0 %"):
        assert part in text


def test_lines_by_hand() -> None:
    said = dict(lines(measured()))
    assert said["accuracy"] == "100.0 % of best guesses on 3 inputs"
    assert said["answered"] == "100.0 % of them; 90.0 % were to be"
    assert (
        said["unknown"] == "abstains on 0.0 % of 1 inputs of 1 unknown class; AUROC 0.000 against the others"
    )


def test_conditions_and_nothing() -> None:
    several = Measured(5, None, 0.2, 0.75, (ConditionQuality("wet", 3, 0.75, None),), keep=0.95)
    text = page(several, "t")
    assert "wet" in text
    assert "0.750" in text
    assert "<svg" not in page(Measured(0, None, None), "t")
