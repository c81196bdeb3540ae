from __future__ import annotations

from pathlib import Path

from preforget.data import load_data
from preforget.demo.forgetting import Forgetting
from preforget.demo.story import Story, percent, same


def test_a_newcomer_reads_it_in_order(step: Forgetting) -> None:
    lines: list[str] = []
    story = Story(lines.append)
    story.opening(load_data("digits"), 0.95)
    story.learned(step.before, 1078, 61.27)
    story.forgotten(step)
    story.added("b", step.before, 12.0, True)
    story.ending(
        {"reloaded_scores_identical": True, "model": "out/model", "picture": None, "seconds": 80.0},
        Path("f.json"),
    )
    text = "\n".join(lines)
    assert "1,797 images of handwritten digits. 450 of them are kept for testing." in text
    assert [line[:2] for line in lines if line[:1].isdigit() and line[1:2] == "."] == ["1.", "2.", "3."]
    for row in (
        "   time                            61.3 s   1,078 images",
        "   time in memory                0.050 ms",
        "   answered 'b'                   0 times   in 6 images of all digits",
        "   images of 'b' abstained         50.0 %",
        "   scores of the others     bit-identical   2 digits left",
        "   accuracy on the others         100.0 %   before: 75.0 %",
        "   the others abstained            25.0 %",
    ):
        assert row in lines
    assert "picture" not in text
    assert max(map(len, lines)) <= 100


def test_a_broken_promise_is_in_capitals() -> None:
    assert same(False) == "CHANGED"
    lines: list[str] = []
    ending = {"reloaded_scores_identical": False, "model": "m", "picture": "p.png", "seconds": 1.0}
    Story(lines.append).ending(ending, Path("f.json"))
    assert "Read from disk again, the model gives OTHER SCORES." in lines
    assert "picture  p.png" in lines


def test_percent() -> None:
    assert [percent(share) for share in (0, 0.005, 1)] == ["0.0 %", "0.5 %", "100.0 %"]
