from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import pytest
from PIL import Image

from preforget.core.errors import UsageError
from preforget.demo.forgetting import Forgetting
from preforget.demo.picture import draw
from preforget.metrics.confusion import confusion


def test_confusion_counts_answers_and_abstentions(step: Forgetting) -> None:
    labels = ["a", "b", "c"]
    before, after = (
        confusion(seen.truth, seen.answers, labels, labels).tolist() for seen in (step.before, step.after)
    )
    assert before == [[1, 1, 0, 0], [0, 2, 0, 0], [0, 0, 1, 1]]
    assert after == [[2, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]


def test_the_picture_is_an_image_and_no_global_state_changes(step: Forgetting, tmp_path: Path) -> None:
    def state() -> tuple[object, ...]:
        # dict's own items(): those of rcParams choose a backend
        return (
            mpl.get_backend(auto_select=False),
            list(dict.items(mpl.rcParams)),
            "matplotlib.pyplot" in sys.modules,
        )

    before = state()
    assert draw(step, tmp_path / "demo.png") == tmp_path / "demo.png"
    assert state() == before
    with Image.open(tmp_path / "demo.png") as image:
        assert image.format == "PNG"
        assert image.width > 1200
        assert len(image.convert("RGB").getcolors(1 << 24) or []) > 50


def test_without_matplotlib_there_is_no_picture(
    step: Forgetting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert draw(step, tmp_path / "demo.png") is None
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_can_not_be_written(step: Forgetting, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none does not exist; make that folder first"):
        draw(step, tmp_path / "none" / "demo.png")
