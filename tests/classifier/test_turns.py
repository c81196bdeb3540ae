"""Every public method is guarded: against what torch is set to, and against changes by other threads."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch

from preforget.classifier import PreForgettableClassifier
from preforget.classifier.turns import Turns, reads

PARAMETERS = {"get_params", "set_params", "get_metadata_routing"}
"""Methods of scikit-learn that neither compute nor look at what was learned."""


def points(classes: int = 3, each: int = 8) -> tuple[np.ndarray, np.ndarray]:
    y = np.repeat(np.arange(classes), each)
    return np.random.default_rng(0).normal(size=(len(y), 4)) + 5.0 * y[:, None], y


def model(engine: str = "exact", classes: int = 3) -> PreForgettableClassifier:
    options = {} if engine == "exact" else {"epochs": 1}
    return PreForgettableClassifier("features", engine, **options).fit(*points(classes))


def test_every_public_method_is_guarded() -> None:
    members = inspect.getmembers(PreForgettableClassifier)
    methods = {name: m for name, m in members if inspect.isfunction(m) or inspect.ismethod(m)}
    methods |= {name: m.fget for name, m in members if isinstance(m, property) and m.fget is not None}
    public = {n: m for n, m in methods.items() if not n.startswith("_")} | {
        "__getstate__": methods["__getstate__"]
    }
    unguarded = {name for name, method in public.items() if not hasattr(method, "__wrapped__")}
    assert {n for n in unguarded if not n.startswith("set_") or n == "set_params"} == PARAMETERS


def test_reading_in_inference_mode_lets_learn_outside_later() -> None:
    X, y = points(4)
    with torch.inference_mode():
        learned = model()
        learned.predict(X)
    learned.add("3", X, y)
    learned.forget("1")
    assert learned.labels == ["0", "2", "3"]


@pytest.mark.parametrize("engine", ["exact", "isolated"])
def test_surroundings_change_no_bit(engine: str) -> None:
    X, _ = points()
    want = model(engine).scores(X)
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad(), torch.device("meta"):
        inside = model(engine)
        assert np.array_equal(inside.scores(X), want)
    assert np.array_equal(inside.scores(X), want)


class Slow(PreForgettableClassifier):
    """Answers in two steps, between which another thread may act."""

    @reads
    def slowly(self, X: np.ndarray, between: Callable[[], object]) -> tuple[list[str], np.ndarray]:
        labels = self.labels
        between()
        return labels, self.scores(X)


def test_a_change_waits_for_a_request_that_is_under_way() -> None:
    X, y = points()
    slow = Slow("features", "exact").fit(X, y)
    asked = threading.Event()
    waits = []

    def forget() -> None:
        asked.wait()
        slow.forget(1)

    def between() -> None:
        asked.set()
        changer.join(0.1)
        waits.append(changer.is_alive())

    changer = threading.Thread(target=forget)
    changer.start()
    labels, scores = slow.slowly(X, between)
    changer.join()
    assert waits == [True]
    assert (labels, scores.shape[1]) == (["0", "1", "2"], 3)
    assert slow.labels == ["0", "2"]


def test_answers_while_another_thread_changes_are_those_of_one_state() -> None:
    X, _ = points()
    served = model()
    states = [served.answer(X)]
    served.detach(0)
    states.append(served.answer(X))
    served.attach(0)
    copy = served.copy()
    copy.forget(2)
    states.append(copy.answer(X))
    done, got, wrong = threading.Event(), [], []

    def serve() -> None:
        while not done.is_set():
            try:
                got.append(served.answer(X))
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not be
                wrong.append(error)

    threads = [threading.Thread(target=serve) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        served.detach(0)
        served.attach(0)
    served.forget(2)
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    for _, names, shares in got:
        assert any(names == n and shares.shape == s.shape and np.allclose(shares, s) for _, n, s in states)


def test_who_is_inside_is_not_asked_to_wait() -> None:
    turns = Turns()
    assert not turns.is_inside()
    lock, held = threading.Lock(), threading.Lock()
    with lock, held:
        turns.inside[lock] = threading.get_ident(), held
        assert turns.is_inside()
        turns.wait_for_others()


def test_a_call_that_was_interrupted_at_its_very_end_does_not_count_as_under_way() -> None:
    class Interrupted(dict[threading.Lock, tuple[int, threading.Lock]]):
        def pop(self, *_: object) -> None:  # type: ignore[override]
            raise KeyboardInterrupt

    X, _ = points()
    asked = model()
    asked._turns.inside = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        asked.predict(X)
    asked._turns.inside = dict(asked._turns.inside)
    assert len(asked._turns.inside) == 1
    assert not asked._turns.is_inside()
    asked.predict(X)
    assert asked._turns.inside == {}
