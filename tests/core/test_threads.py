from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preforget.core.threads import ahead, allowed, in_order


@pytest.mark.parametrize(("told", "threads"), [("3", 3), ("1", 1)])
def test_what_is_told_counts(monkeypatch: pytest.MonkeyPatch, told: str, threads: int) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert allowed() == threads


@pytest.mark.parametrize("told", ["", "0", "many"])
def test_else_the_cores_count(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert allowed() >= 1


@given(st.lists(st.integers(), max_size=30), st.integers(1, 4))
def test_results_come_in_order(items: list[int], threads: int) -> None:
    assert list(in_order(str, items, threads)) == [str(item) for item in items]
    assert list(ahead(iter(items), threads)) == items


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_comes_in_its_turn_and_no_thread_stays(threads: int) -> None:
    before = threading.active_count()
    results = in_order(lambda n: 6 // n, [3, 2, 0, 1, 0], threads)
    assert [next(results), next(results)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert threading.active_count() == before


def test_the_next_item_is_made_while_one_is_used() -> None:
    made = threading.Event()

    def two() -> Iterator[str]:
        yield "first"
        made.set()
        yield "second"

    items = ahead(two(), threads=2)
    assert next(items) == "first"
    assert made.wait(timeout=30)
    assert list(items) == ["second"]


def test_an_abandoned_iteration_ends_its_thread() -> None:
    before = threading.active_count()
    items = ahead(iter([1, 2, 3]), threads=2)
    assert next(items) == 1
    items.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
