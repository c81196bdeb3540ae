"""Scores of validation inputs concern all classes: a forgetting writes them anew without the class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from preforget.engines.pair_scores import PairScores
from preforget.erasure import forget, open_folder, plan
from preforget.erasure import transaction as erasing
from preforget.erasure.verify import verify
from preforget.records import ClassRecord
from preforget.store import ModelFolder

from .conftest import LABELS, Made


def scores_of(labels: list[str]) -> PairScores:
    """The validation scores of classes, the same numbers for an input and a column whoever else is there."""
    truth = np.repeat(np.arange(len(LABELS)), 40)
    drawn = np.random.default_rng(0).normal(size=(len(truth), len(LABELS)))
    columns = [LABELS.index(label) for label in labels]
    rows = np.isin(truth, columns)
    return PairScores.of(labels, np.searchsorted(columns, truth[rows]), drawn[rows][:, columns])


@pytest.fixture
def whole(made: Made) -> Made:
    """The folder of three classes with their validation scores."""
    made.open().change(add=[scores_of(LABELS).to_record()], event="derive")
    return made


def shared(folder: ModelFolder) -> list[ClassRecord]:
    return [record for record in folder.records() if not record.label]


def without(made: Made, label: str) -> None:
    """Check that a folder is as if a class had never been there, and that its receipt holds and says so."""
    left = [name for name in LABELS if name != label]
    folder = made.open()
    assert sorted(record.label for record in folder.records()) == ["", *left]
    (record,) = shared(folder)
    assert record.digest() == scores_of(left).to_record().digest()
    found = verify(made.receipt(), made.model, made.public_keys())  # type: ignore[arg-type]
    assert found.passed, found.checks
    assert (len(found.receipt.records), found.receipt.derived) == (2, 1)
    assert record.id not in {gone["id"] for gone in found.receipt.records}


def test_what_concerns_all_is_written_anew_without_the_class(whole: Made) -> None:
    (old,) = shared(whole.open())
    erasure = whole.forget(LABELS[1])
    assert old.id in erasure.records
    assert (erasure.derived, erasure.classes_left) == (1, 2)
    without(whole, LABELS[1])


def test_with_the_last_class_it_goes_for_good(whole: Made) -> None:
    for label in LABELS:
        whole.forget(label)
    assert (whole.open().records(), whole.labels()) == ([], [])


@pytest.mark.parametrize(
    "at", ["before it is written", "when it is written", "after it is written", "before the end"]
)
def test_cut_off_anywhere_it_is_ended(
    whole: Made, at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = whole.open()
    planned = plan(folder, label=LABELS[0])
    write, commit = erasing._write_rewritten, folder.commit

    def stop(*arguments: object) -> None:
        if at == "after it is written":
            write(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    def stop_at(event: str, *arguments: object, **changes: object) -> object:
        if event == {"when it is written": "derive", "before the end": "erased"}[at]:
            raise KeyboardInterrupt
        return commit(event, *arguments, **changes)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        if at in ("before it is written", "after it is written"):
            patch.setattr(erasing, "_write_rewritten", stop)
        else:
            patch.setattr(folder, "commit", stop_at)
        with pytest.raises(KeyboardInterrupt):
            forget(planned, folder=folder)
    open_folder(whole.model, whole.keyring)
    without(whole, LABELS[0])
