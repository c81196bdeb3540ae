"""Whatever is raised wherever in a change: memory and folder are in one state, and running it again ends it.

`PREFORGET_CUT_EVERY=1` raises at every line instead of at drawn ones.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from preforget.classifier import PreForgettableClassifier, bound, forgetting
from preforget.classifier.bound import destroy
from preforget.core.errors import StoreError, UnknownLabelError, UsageError
from preforget.erasure import transaction
from preforget.erasure.verify import verify_receipt
from preforget.records import ClassRecord
from preforget.store import ModelFolder

from .cuts import Cut, before, cut, drawn, in_fork, interrupt

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
POINTS = 2
Y = np.repeat(["ant", "bee", "cat"], 8)
X = np.random.default_rng(0).normal(size=(24, 4)) + np.repeat([[0.0], [5.0], [10.0]], 8, axis=0)
NOISE = np.random.default_rng(1).integers(0, 30, (24, 32, 32, 3))
IMAGES = (60 + X[:, :1, None, None] * 8 + NOISE).astype(np.uint8)
PEOPLE = ["kim", "lee", "pat", "sam"] * 6


@dataclass(frozen=True)
class Place:
    """A saved model that a test may harm, its keyring, and whether the one in memory is bound to it."""

    model: PreForgettableClassifier
    root: Path

    def copy(self, to: Path) -> Place:
        shutil.rmtree(to, ignore_errors=True)
        if self.model.folder is None:
            to.mkdir()
            return Place(self.model, to)
        shutil.copytree(self.root, to)
        return Place(load(to), to)


def load(root: Path) -> PreForgettableClassifier:
    return PreForgettableClassifier.from_pretrained(root / "m", device="cpu", keyring=root / "keyring")


def inputs_for(engine: str) -> np.ndarray[Any, Any]:
    """Return vectors, or images for the engine that needs a transformer."""
    return IMAGES if engine == "paper" else X


def learned(engine: str, classes: int = 3, backbone: str = "features") -> PreForgettableClassifier:
    options: dict[str, Any] = {"exact": {}, "isolated": {"epochs": 1, "lora_rank": 1}}.get(
        engine, {"epochs": 1}
    )
    model = PreForgettableClassifier(backbone, engine, device="cpu", **options)
    n = classes * 8
    return model.fit(inputs_for(engine)[:n], Y[:n], subjects=PEOPLE[:n] if engine == "exact" else None)


def forget(model: PreForgettableClassifier) -> object:
    return model.forget("bee")


def forget_subject(model: PreForgettableClassifier) -> object:
    return model.forget_subject("kim")


def detach(model: PreForgettableClassifier) -> object:
    return model.detach("bee")


def add(model: PreForgettableClassifier) -> object:
    people = PEOPLE if model.engine_.knows_subjects else None
    return model.add("cat", inputs_for(model.engine_.name), Y, subjects=people)


def add_subject(model: PreForgettableClassifier) -> object:
    return model.add_subject(X[:16] + 0.5, Y[:16], ["new one"] * 16)


def refit(model: PreForgettableClassifier) -> object:
    return model.refit(
        inputs_for(model.engine_.name), Y, subjects=PEOPLE if model.engine_.knows_subjects else None
    )


CASES = [
    (forget, "exact", "sealed"),
    (forget, "isolated", "folder"),
    (forget, "isolated", "memory"),
    (forget_subject, "exact", "folder"),
    (forget_subject, "exact", "memory"),
    (detach, "isolated", "sealed"),
    (add, "exact", "folder"),
    (add, "isolated", "memory"),
    (add_subject, "exact", "sealed"),
    (forget, "paper", "sealed"),
    (add, "paper", "folder"),
    (refit, "isolated", "sealed"),
    (refit, "exact", "folder"),
    (refit, "paper", "sealed"),
]


def facts(model: PreForgettableClassifier) -> tuple[Any, ...]:
    """Return what tells one state from another."""
    labels, scores = (
        tuple(model.labels),
        model.scores(inputs_for(model.engine_.name)).tobytes(),
    )  # first, which ends what was cut off
    return labels, tuple(getattr(model.engine_.bank, "subjects", ())), scores


def check_one_state(place: Place, before: tuple[Any, ...], after: tuple[Any, ...]) -> None:
    """Memory holds the state before or after, and the folder the same."""
    now = facts(place.model)
    assert now[:2] in (before[:2], after[:2])
    assert now in (before, after)
    if place.model.folder is not None:
        assert facts(load(place.root)) == now
        assert sorted(p.name for p in place.root.iterdir()) == ["keyring", "m"]
        assert not [*place.root.rglob(".writing-*")]


def check_again(place: Place, change: Callable[[PreForgettableClassifier], object], after: Any) -> None:
    """Run again, it ends with the state after, and a forgetting with a receipt that holds."""
    was_after = facts(place.model)[:2] == after[:2]
    result: Any = None
    try:
        result = change(place.model)
    except (UnknownLabelError, UsageError):
        if not was_after:  # else it had ended, so it can't be done again
            raise
    assert facts(place.model) == after
    if place.model.folder is None or change not in (forget, forget_subject):
        return
    (receipt,) = (place.root / "m" / "receipts").iterdir()
    assert result is None or result.receipt == receipt
    assert verify_receipt(receipt, place.root / "m", keyring=place.root / "keyring").passed


def work(
    place: Place,
    change: Callable[[PreForgettableClassifier], object],
    after: Any,
    stop: Callable[[Callable[[], object]], int],
) -> int:
    before = facts(place.model)
    ended = stop(partial(change, place.model))
    if ended:
        return ended
    check_one_state(place, before, after)
    check_again(place, change, after)
    return 0


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, tiny_vit: Path) -> Callable[[str, str, int], Place]:
    made: dict[tuple[str, str, int], Place] = {}

    def place(engine: str, kind: str, classes: int) -> Place:
        key = engine, kind, classes
        if key not in made:
            root = tmp_path_factory.mktemp(f"{engine}-{kind}")
            model = learned(engine, classes, str(tiny_vit) if engine == "paper" else "features")
            if kind != "memory":
                model.save_pretrained(root / "m", sealed=kind == "sealed", keyring=root / "keyring")
                model.folder.keyring.signing.current()  # type: ignore[union-attr]
            made[key] = Place(model, root)
        return made[key]

    return place


@pytest.mark.parametrize(("change", "engine", "kind"), CASES)
def test_an_exception_at_any_line_leaves_one_state(
    places: Callable[[str, str, int], Place],
    change: Callable[[PreForgettableClassifier], object],
    engine: str,
    kind: str,
    tmp_path: Path,
) -> None:
    place = places(engine, kind, 2 if change is add else 3)

    def whole() -> int:
        copy = place.copy(tmp_path / "c")
        lines = cut(partial(change, copy.model), None)
        (tmp_path / "after").write_bytes(repr(facts(copy.model)).encode())
        return lines

    lines = in_fork(whole)
    after = eval((tmp_path / "after").read_bytes())
    for at in drawn(lines, POINTS, seed=len(engine + kind + change.__name__)):
        code = in_fork(lambda at=at: work(place.copy(tmp_path / "c"), change, after, lambda f: cut(f, at)))
        assert code == 0 or at > 0.9 * lines  # ids are drawn, so a run may have a few lines less


@pytest.mark.parametrize("sealed", [False, True])
def test_an_exception_at_any_line_of_saving_leaves_nothing_or_the_whole_folder(
    tmp_path: Path, sealed: bool
) -> None:
    model = learned("exact")
    want = facts(model)

    def save(root: Path) -> object:
        return model.save_pretrained(root / "m", sealed=sealed, keyring=root / "keyring")

    def whole() -> int:
        return cut(lambda: save(tmp_path / "whole"), None)

    def stopped(root: Path, at: int) -> int:
        root.mkdir()
        if cut(lambda: save(root), at):
            return 1
        assert facts(model) == want
        assert {p.name for p in root.iterdir()} <= {"m", "keyring"}
        assert (model.folder is not None) == (root / "m").exists()
        save(root)
        assert {p.name for p in root.iterdir()} >= {"m"}
        assert {p.name for p in root.iterdir()} <= {"m", "keyring"}
        assert facts(load(root)) == want
        assert model.forget("bee").receipt is not None
        return 0

    lines = in_fork(whole)
    for at in drawn(lines, POINTS, seed=sealed):
        assert in_fork(lambda at=at: stopped(tmp_path / f"at {at}", at)) == 0 or at > 0.9 * lines


def test_saving_elsewhere_that_is_cut_off_lists_each_as_a_copy_of_the_other(
    places: Callable[[str, str, int], Place], tmp_path: Path
) -> None:
    place = places("exact", "folder", 3)

    def save(copy: Place) -> object:
        return copy.model.save_pretrained(copy.root / "n", keyring=copy.root / "keyring")

    def whole() -> int:
        copy = place.copy(tmp_path / "c")
        return cut(lambda: save(copy), None)

    def stopped(at: int) -> int:
        copy = place.copy(tmp_path / "c")
        if cut(lambda: save(copy), at):
            return 1
        save(copy)
        assert copy.model.folder is not None
        assert copy.model.folder.path == copy.root / "n"
        assert [c["kind"] for c in copy.model.folder.manifest.copies.values()] == ["export"]
        rows = load(copy.root).folder.ledger.entries()  # type: ignore[union-attr]
        assert [e.event for e in rows].count("export") == 1
        return 0

    lines = in_fork(whole)
    for at in drawn(lines, POINTS, seed=7):
        assert in_fork(lambda at=at: stopped(at)) == 0 or at > 0.9 * lines


@pytest.mark.parametrize("seconds", [0.001, 0.004, 0.01])
def test_a_signal_at_any_time_leaves_one_state(
    places: Callable[[str, str, int], Place], tmp_path: Path, seconds: float
) -> None:
    place = places("exact", "sealed", 3)

    def whole() -> int:
        copy = place.copy(tmp_path / "c")
        forget(copy.model)
        (tmp_path / "after").write_bytes(repr(facts(copy.model)).encode())
        return 1

    in_fork(whole)
    after = eval((tmp_path / "after").read_bytes())
    in_fork(lambda: work(place.copy(tmp_path / "c"), forget, after, lambda f: interrupt(f, seconds)))


def test_a_folder_that_cannot_be_opened_again_does_not_bring_the_class_back(
    places: Callable[[str, str, int], Place], tmp_path: Path
) -> None:
    copy = places("exact", "folder", 3).copy(tmp_path / "c")
    assert copy.model.folder is not None
    records = copy.model.folder.path / "records"

    def interrupted() -> None:
        shutil.rmtree(records)  # worse than any full disk
        raise Cut

    with before(ModelFolder.commit, interrupted), pytest.raises(Cut):
        copy.model.forget("bee")
    assert copy.model.labels == ["ant", "cat"]
    with pytest.raises(StoreError):
        copy.model.forget("ant")
    assert copy.model.labels == ["ant", "cat"]


def test_what_stays_is_whole_however_often_a_forgetting_cannot_be_ended(
    places: Callable[[str, str, int], Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = places("exact", "folder", 3).copy(tmp_path / "c")
    want = places("exact", "folder", 3).copy(tmp_path / "w").model
    want.forget("bee")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(transaction, "_finish", full)
        with pytest.raises(StoreError, match="No space left"):
            copy.model.forget("bee")
        for _ in range(2):
            assert facts(copy.model) == facts(want)
    assert facts(copy.model) == facts(want)


def test_what_stays_in_memory_is_whole_if_ending_is_interrupted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    model, want = learned("exact"), learned("exact")
    want.forget("bee")

    def stop(*_: object, **__: object) -> None:
        raise Cut

    with monkeypatch.context() as twice:
        twice.setattr(forgetting, "forget", stop)
        twice.setattr(bound, "ended_in_memory", stop)
        with pytest.raises(Cut):
            model.forget("bee")
    assert facts(model) == facts(want)


def test_a_class_that_is_learned_anew_after_a_cut_off_forgetting_is_forgotten_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, real = learned("exact"), forgetting.forget

    def stop(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        raise Cut

    with monkeypatch.context() as once:
        once.setattr(forgetting, "forget", stop)
        with pytest.raises(Cut):
            model.forget("bee")
    ended = model._ended
    model.fit(X, Y)
    assert model._ended is None
    model._ended = ended
    assert model.forget("bee").id != ended[1].id  # type: ignore[index]
    assert model.labels == ["ant", "cat"]


def test_what_a_record_that_stays_shares_is_not_destroyed() -> None:
    shared, own = torch.ones(2), torch.ones(2)
    old, new = ClassRecord("a", {"x": shared, "y": own}), ClassRecord("a", {"x": shared})
    destroy([old], kept=[new])
    assert (shared.tolist(), own.tolist()) == ([1, 1], [0, 0])
