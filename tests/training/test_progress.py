from __future__ import annotations

import os
import signal
import threading

import pytest

from preforget.training.progress import Bar, counting, track

from ..forked import Forked


def test_items_pass_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track("abc", total=3, what="learning", unit="image", show=False)) == ["a", "b", "c"]
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_what_is_shown_goes_to_stderr_and_ends_at_the_total(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track([1, 2, 3], total=10, what="learning", unit="image", show=True, step=4)) == [1, 2, 3]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "learning: 100%" in captured.err
    assert "10/10" in captured.err
    assert "image/s" in captured.err


def test_nothing_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track([], total=0, what="learning", unit="image", show=True)) == []
    assert capsys.readouterr().out == ""


def test_items_are_asked_for_one_at_a_time() -> None:
    asked = []

    def items() -> object:
        for item in range(3):
            asked.append(item)
            yield item

    next(iter(track(items(), total=3, what="x", unit="y", show=True)))  # type: ignore[arg-type]
    assert asked == [0]


def test_counting_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    with counting(total=10, what="reading", unit="image", show=True) as count:
        for step in (4, 4, 4):
            count(step)
    assert "10/10" in capsys.readouterr().err
    with counting(total=10, what="reading", unit="image", show=False) as count:
        count(3)
    assert capsys.readouterr().err == ""


def test_one_that_is_killed_while_it_writes_its_bar_stops_no_other(capfd: pytest.CaptureFixture[str]) -> None:
    def killed() -> None:
        with counting(total=10, what="learning", unit="image", show=True), Bar.get_lock():
            os.kill(os.getpid(), signal.SIGKILL)

    before = threading.active_count()
    with counting(total=10, what="learning", unit="image", show=True) as count:
        count(1)
        assert Forked(killed).wait() == -signal.SIGKILL
        assert Bar.get_lock().acquire(timeout=1)
        Bar.get_lock().release()
        assert threading.active_count() == before  # a thread could hold the lock while a process forks
        count(9)
    assert "10/10" in capfd.readouterr().err
