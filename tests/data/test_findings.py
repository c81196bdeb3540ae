from __future__ import annotations

import numpy as np

from preforget.data import load_data
from preforget.data.findings import FINDINGS, SUBJECTS, load_findings
from preforget.data.multilabel import marks


def test_findings_are_independent_and_of_all_subjects() -> None:
    data = load_findings(0, subjects=True)
    assert data.classes == FINDINGS
    held = marks(data.train.labels, FINDINGS)
    assert np.all(np.abs(held.mean(axis=0) - 0.3) < 0.06)
    assert np.abs(np.corrcoef(held.T) - np.eye(len(FINDINGS))).max() < 0.15
    assert data.train.subjects is not None
    assert len(set(data.train.subjects)) == SUBJECTS
    assert load_data("findings").train.subjects is None


def test_a_subject_looks_the_same_whoever_else_is_there() -> None:
    first, again = load_findings(0), load_findings(0)
    assert np.array_equal(first.test.inputs, again.test.inputs)
    assert not np.array_equal(first.test.inputs, load_findings(1).test.inputs)
