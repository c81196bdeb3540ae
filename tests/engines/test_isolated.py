from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from preforget.backbones import class_path
from preforget.core.errors import StoreError, UsageError
from preforget.engines import isolated
from preforget.engines.base import Session
from preforget.engines.isolated import IsolatedEngine
from preforget.engines.options import Isolated
from preforget.records import slot_block
from preforget.training.losses import abstain_loss, with_abstain

from .conftest import MakeEngine, learnable, pictures, random_record

MANY = [f"class {number:02}" for number in range(19)]
FEW = ["ant", "bee", "cat"]
QUICK: dict[str, Any] = {"epochs": 3, "batch_size": 4, "lora_rank": 1, "tokens_per_class": 2}


def learned(make: MakeEngine, session: Session | None = None, **options: Any) -> IsolatedEngine:
    engine = make(**{**QUICK, **options})
    engine.learn(learnable(FEW, 6), learnable(FEW, 3, seed=1), session or Session())
    return engine


def same_model(one: IsolatedEngine, two: IsolatedEngine) -> bool:
    assert one.bank.labels == two.bank.labels
    assert one.bank.packed.keys() == two.bank.packed.keys()
    return all(torch.equal(one.bank.packed[name], two.bank.packed[name]) for name in one.bank.packed)


def columns(engine: IsolatedEngine, images: np.ndarray) -> dict[str, bytes]:
    """Return the bytes of every attached class's scores."""
    scores = engine.scores(images)
    return {label: scores[:, i].tobytes() for i, label in enumerate(engine.bank.attached)}


# what holds for any sequence of changes


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["forget", "detach", "attach", "insert", "insert", "empty a block"]),
        st.sampled_from(MANY),
    ),
    min_size=1,
    max_size=12,
)


def change(engine: IsolatedEngine, step: str, label: str, seed: int) -> None:
    bank = engine.bank
    if step == "empty a block":
        blocks = bank.live_blocks()
        block = blocks[MANY.index(label) % len(blocks)] if blocks else None
        for other in list(bank.labels):
            if slot_block(bank.slot(other)) == block:
                engine.forget(other)
    elif step == "insert":
        if label not in bank:
            bank.insert(random_record(engine, label, seed))
    elif label in bank:
        {"forget": engine.forget, "detach": bank.detach, "attach": bank.attach}[step](label)


@pytest.mark.parametrize(
    ("dtype", "options"),
    [
        ("float32", {"lora_rank": 2, "tokens_per_class": 2}),
        ("float32", {"lora_rank": 0, "first_block": 1}),
        ("bfloat16", {"lora_rank": 2, "tokens_per_class": 2}),
    ],
)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, batches=st.lists(st.integers(1, 140), min_size=1, max_size=2))
def test_scores_of_the_others_stay_bit_identical(
    make_engine: MakeEngine,
    dtype: str,
    options: dict[str, Any],
    steps: list[tuple[str, str]],
    batches: list[int],
) -> None:
    engine = make_engine(MANY[:12], dtype, **options)
    images = [pictures(count, seed=count) for count in batches]
    known: list[dict[str, tuple[str, bytes]]] = [{} for _ in images]
    for seed, (step, label) in enumerate([("attach", MANY[0]), *steps]):
        change(engine, step, label, 1000 + seed)
        for batch, seen in zip(images, known, strict=True):
            for name, column in columns(engine, batch).items():
                record = engine.bank[name].id
                if name in seen and seen[name][0] == record:
                    assert column == seen[name][1], f"{name} moved after {step} {label}"
                seen[name] = (record, column)


def test_forgetting_everything_leaves_no_column(make_engine: MakeEngine) -> None:
    engine = make_engine(MANY)
    for label in MANY:
        engine.forget(label)
    scores = engine.scores(pictures(3))
    assert scores.shape == (3, 0)
    assert engine.log_confidence(scores).tolist() == [-np.inf] * 3
    assert engine.probabilities(scores).shape == (3, 0)
    assert engine.threshold(0.95) == np.inf


def test_an_order_of_deletions_does_not_matter(make_engine: MakeEngine) -> None:
    images = pictures(4)
    results = []
    for gone in (MANY[2:12], MANY[2:12][::-1]):
        engine = make_engine(MANY)
        for label in gone:
            engine.forget(label)
        results.append((columns(engine, images), {n: t.clone() for n, t in engine.bank.packed.items()}))
    assert results[0][0] == results[1][0]
    assert all(torch.equal(results[0][1][name], results[1][1][name]) for name in results[0][1])


def test_columns_follow_the_labels_asked_for(make_engine: MakeEngine) -> None:
    engine = make_engine(MANY)
    images = pictures(3)
    engine.bank.detach(MANY[4])
    whole = engine.scores(images, MANY)
    assert np.array_equal(engine.scores(images), np.delete(whole, 4, axis=1))
    assert np.array_equal(engine.scores(images, [MANY[9], MANY[4]]), whole[:, [9, 4]])


# the losses, confidence and probabilities


def test_the_abstain_loss_is_that_of_a_model_that_forgot_the_class(make_engine: MakeEngine) -> None:
    images = pictures(6)
    for number, label in enumerate(MANY[:10]):
        engine = make_engine(MANY[:10])
        target = torch.full((len(images),), number)
        foreseen = abstain_loss(torch.from_numpy(engine.scores(images)), target)
        engine.forget(label)
        left = with_abstain(torch.from_numpy(engine.scores(images)))
        real = F.cross_entropy(left, torch.full((len(images),), left.shape[1] - 1))
        assert foreseen.item() == pytest.approx(real.item(), rel=1e-6)


def test_confidence_and_probabilities_by_hand(make_engine: MakeEngine) -> None:
    engine = make_engine()
    scores = np.log(np.array([[1.0, 2.0], [0.5, 0.5]], dtype=np.float32))
    assert engine.probabilities(scores) == pytest.approx(np.array([[0.25, 0.5], [0.25, 0.25]]), rel=1e-6)
    assert engine.log_confidence(scores) == pytest.approx(np.log([3.0, 1.0]), abs=1e-6)


@pytest.mark.filterwarnings("error")
def test_probabilities_of_huge_scores_are_finite(make_engine: MakeEngine) -> None:
    scores = np.array([[1e4, -1e4], [-1e4, -1e4], [1e4, 1e4]], dtype=np.float32)
    wanted = np.array([[1, 0], [0, 0], [0.5, 0.5]])
    assert make_engine().probabilities(scores) == pytest.approx(wanted)
    assert np.isfinite(make_engine().log_confidence(scores)).all()


# learning


def test_it_learns(make_engine: MakeEngine) -> None:
    engine = learned(make_engine, epochs=30)
    test = learnable(FEW, 10, seed=2)
    answers = np.array(engine.bank.attached)[engine.scores(test.inputs).argmax(axis=1)]
    assert (answers == test.labels).mean() > 0.9


def test_the_same_seed_gives_the_same_bits(make_engine: MakeEngine) -> None:
    one = learned(make_engine, seed=5)
    assert same_model(one, learned(make_engine, seed=5))
    assert not same_model(one, learned(make_engine, seed=6))


def test_where_hidden_states_are_kept_does_not_matter(make_engine: MakeEngine, tmp_path: Path) -> None:
    memory = learned(make_engine)
    assert same_model(memory, learned(make_engine, Session(cache_dir=tmp_path)))
    assert list(tmp_path.iterdir()) == []
    for _ in range(2):
        assert same_model(memory, learned(make_engine, Session(cache_dir=tmp_path, keep_cache=True)))
        assert len(list(tmp_path.iterdir())) == 1


class CutError(Exception):
    """Stands for whatever ends a learning early."""


def cut_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Let the forward pass of step `steps` raise."""
    whole, left = class_path.score_states, iter(range(steps))

    def forward(*args: Any) -> Tensor:
        if next(left, None) is None:
            raise CutError
        return whole(*args)

    monkeypatch.setattr(class_path, "score_states", forward)


@pytest.mark.parametrize("steps", [0, 4, 5, 7, 13])
def test_a_resumed_learning_ends_in_the_same_bits(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, steps: int
) -> None:
    session = Session(checkpoint=tmp_path / "c" / "file")
    with monkeypatch.context() as cut:
        cut_after(cut, steps)
        with pytest.raises(CutError):
            learned(make_engine, session)
    assert session.checkpoint is not None
    assert session.checkpoint.is_file() == (steps >= 5)
    assert same_model(learned(make_engine, session), learned(make_engine))


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"image_size": 24}, {"dtype": "bfloat16"}, {"learning_rate": 0.02}, {"epochs": 4}]
)
def test_a_checkpoint_of_another_learning_is_refused(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, other: dict[str, Any]
) -> None:
    session = Session(checkpoint=tmp_path / "file")
    with monkeypatch.context() as cut:
        cut_after(cut, 7)
        with pytest.raises(CutError):
            learned(make_engine, session)
    with pytest.raises(StoreError, match="other options or data"):
        learned(make_engine, session, **other)


def test_small_steps_through_memory_give_the_same_gradient(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gradients(rows_at_once: int) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}

        def one_step(weights: dict[str, Tensor], backward: Callable[..., None], **_: Any) -> None:
            backward(torch.arange(10), torch.Generator())
            found.update({name: w.grad.clone() for name, w in weights.items() if w.grad is not None})

        monkeypatch.setattr(isolated, "run", one_step)
        monkeypatch.setattr(isolated, "ROWS_AT_ONCE", rows_at_once)
        learned(make_engine)
        return found

    whole = gradients(4096)
    assert {"prompt", "offsets", "row", "bias"} <= whole.keys()
    for rows in (1, 18):
        for name, gradient in gradients(rows).items():
            assert torch.allclose(gradient, whole[name], rtol=1e-4, atol=1e-6)


# adding


def test_adding_touches_no_other_record(make_engine: MakeEngine) -> None:
    engine = make_engine(MANY[:8], **QUICK)
    images = pictures(5)
    before = {
        label: {n: t.numpy().tobytes() for n, t in engine.bank[label].tensors.items()}
        for label in engine.bank.labels
    }
    scores = columns(engine, images)
    data = learnable(["new", *MANY[:4]], 5)
    engine.bank.detach(MANY[1])
    engine.add(["new"], data, learnable(["new"], 3), Session())
    engine.bank.attach(MANY[1])
    assert engine.bank.capacity == 16
    for label, tensors in before.items():
        assert {n: t.numpy().tobytes() for n, t in engine.bank[label].tensors.items()} == tensors
    after = columns(engine, images)
    assert {label: after[label] for label in scores} == scores
    assert engine.bank["new"].tensors["count"] == 3


def test_an_added_class_is_told_from_the_others(make_engine: MakeEngine) -> None:
    engine = learned(make_engine, epochs=30)
    engine.forget("bee")
    engine.add(["bee"], learnable(FEW, 6, seed=3), learnable(["bee"], 3, seed=4), Session())
    test = learnable(FEW, 10, seed=2)
    answers = np.array(engine.bank.attached)[engine.scores(test.inputs).argmax(axis=1)]
    assert (answers == test.labels).mean() > 0.9


def test_what_is_added_does_not_depend_on_who_was_forgotten_before(make_engine: MakeEngine) -> None:
    data, held_out = learnable(["new", *MANY[:3]], 5), learnable(["new"], 3)
    bare, after = make_engine(MANY[:3], **QUICK), make_engine(MANY[:4], **QUICK)
    after.forget(MANY[3])
    for engine in (bare, after):
        engine.add(["new"], data, held_out, Session())
    assert same_model(bare, after)


# options


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_block": -1},
        {"tokens_per_class": 0},
        {"tokens_per_class": 1.0},
        {"lora_rank": -1},
        {"epochs": 0},
        {"epochs": True},
        {"batch_size": "4"},
        {"learning_rate": 0},
        {"learning_rate": float("nan")},
        {"learning_rate": "fast"},
    ],
)
def test_a_value_that_can_not_be_used(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(UsageError, match=f"{name} must be"):
        Isolated(**wrong)


def test_a_block_that_the_backbone_lacks(make_engine: MakeEngine) -> None:
    with pytest.raises(UsageError, match="first_block is 3, but the backbone's last block is 2"):
        make_engine(first_block=3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_on_cuda_too_the_others_stay_bit_identical(make_engine: MakeEngine, dtype: str) -> None:
    engine = make_engine(MANY, dtype, device="cuda", lora_rank=2, tokens_per_class=2)
    for count in (1, 7, 131):
        images = pictures(count)
        before = columns(engine, images)
        engine.forget(engine.bank.labels[0])
        after = columns(engine, images)
        assert after == {label: before[label] for label in after}
