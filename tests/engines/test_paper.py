from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import preforget.training.loop as loop
from preforget.backbones import Encoder, load_backbone
from preforget.core.errors import UnknownLabelError, UsageError
from preforget.core.guarantee import Guarantee
from preforget.data.dataset import Split, label_array
from preforget.engines.base import Session
from preforget.engines.options import Paper
from preforget.engines.paper import LORA, PaperEngine, key_mask, with_prompts
from preforget.records import ClassRecord
from preforget.training.checkpoint import Checkpoint
from preforget.training.losses import uniform_loss
from preforget.training.subsets import own_and_wrong_subset, wrong_subset

CLASSES = ["ant", "bee", "cat", "dog"]
QUICK: dict[str, Any] = {"epochs": 2, "batch_size": 8}


def images(count: int = 24, classes: list[str] = CLASSES, seed: int = 0) -> Split:
    """Noise with a tint that tells the class: red, green, blue, or all three."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 120, (count, 32, 32, 3), dtype=np.uint8)
    labels = [classes[i % len(classes)] for i in range(count)]
    for image, label in zip(x, labels, strict=True):
        place = CLASSES.index(label)
        image[..., place if place < 3 else slice(None)] += 120
    return Split(x, label_array(labels))


def random_engine(
    encoder: Encoder, labels: list[str] = CLASSES, slots: list[int] | None = None, **options: Any
) -> PaperEngine:
    """An engine whose tensors are drawn, each class from its own stream, so that banks can be compared."""
    engine = PaperEngine(encoder, Paper(**options))
    for label, slot in zip(labels, slots or [None] * len(labels), strict=True):
        generator = torch.Generator().manual_seed(ord(label[0]))
        tensors = {n: torch.randn(s, generator=generator) for n, s in engine.record_shapes().items()}
        engine.bank.insert(ClassRecord(label, tensors, slot))
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for tensor in engine.shared_tensors().values():
            tensor.copy_(0.3 * torch.randn(tensor.shape, generator=generator))
    return engine


def learned(encoder: Encoder, session: Session | None = None, **options: Any) -> PaperEngine:
    engine = PaperEngine(encoder, Paper(**{**QUICK, **options}))
    engine.learn(images(), images(8, seed=1), session or Session())
    return engine


def all_tensors(engine: PaperEngine) -> dict[str, Tensor]:
    records = {
        f"{label}.{n}": t for label in engine.bank.labels for n, t in engine.bank[label].tensors.items()
    }
    return {**records, **engine.shared_tensors()}


def same(a: PaperEngine, b: PaperEngine) -> bool:
    left, right = all_tensors(a), all_tensors(b)
    return left.keys() == right.keys() and all(torch.equal(left[n], right[n]) for n in left)


def eager_logits(
    tiny_vit: Path, engine: PaperEngine, pixels: Tensor, present: list[str], heads: list[str]
) -> Tensor:
    """Logits of `heads` from transformers' own layers with LoRA merged in, and no token for absent prompts."""
    from transformers import ViTModel

    model: Any = ViTModel.from_pretrained(
        tiny_vit, add_pooling_layer=False, attn_implementation="eager"
    ).eval()
    first, adapters = engine.config.first_block, engine.shared_tensors()
    with torch.no_grad():
        for level, layer in enumerate(model.layers[first:]):
            for projection, place in ((layer.attention.q_proj, "query"), (layer.attention.v_proj, "value")):
                up, down = adapters[f"adapter.{place}_up"][level], adapters[f"adapter.{place}_down"][level]
                projection.weight += LORA.alpha / LORA.rank * up @ down
        h = model.embeddings(pixels)
        for layer in model.layers[:first]:
            h = layer(h)
        prompts = [engine.bank[label].tensors["prompt"] for label in present]
        h = torch.cat([*(p.expand(len(h), -1, -1) for p in prompts), h], dim=1)
        for layer in model.layers[first:]:
            h = layer(h)
        cls = h[:, sum(len(p) for p in prompts)]
        if engine.config.final_norm:
            cls = model.layernorm(cls)
        records = [engine.bank[label].tensors for label in heads]
        return torch.stack([cls @ r["row"] + r["bias"] for r in records], dim=1)


def pixels(encoder: Encoder) -> Tensor:
    return encoder.pixels(np.asarray(images(6).inputs))


def test_by_hand_prompts_go_before_cls_and_absent_ones_are_masked() -> None:
    states = torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]])
    sequence = with_prompts(states, torch.tensor([[[7.0]], [[8.0]], [[9.0]]]))
    assert sequence[..., 0].tolist() == [[7, 8, 9, 1, 2], [7, 8, 9, 3, 4]]
    present = torch.tensor([[True, False, True], [False, False, False]])
    low = torch.finfo(torch.float32).min
    expected = [[0, low, 0, 0, 0], [low, low, low, 0, 0]]
    assert key_mask(present, 1, states)[:, 0, 0].tolist() == expected
    assert key_mask(present, 2, states)[0, 0, 0].tolist() == [0, 0, low, low, 0, 0, 0, 0]


def test_log_confidence_and_probabilities_by_hand(tiny_encoder: Encoder) -> None:
    engine = PaperEngine(tiny_encoder, Paper())
    scores = np.log(np.array([[6, 3, 1], [1, 1, 2]], dtype=np.float32))
    np.testing.assert_allclose(engine.probabilities(scores), [[0.6, 0.3, 0.1], [0.25, 0.25, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(engine.log_confidence(scores), [math.log(0.6), math.log(0.5)], rtol=1e-6)
    sure = np.array([[30, 0], [40, 0]], dtype=np.float32)
    assert engine.log_confidence(sure)[0] < engine.log_confidence(sure)[1] < 0


@pytest.mark.parametrize(
    "options",
    [{}, {"final_norm": True}, {"tokens_per_class": 3}, {"first_block": 2}],
    ids=["paper", "norm", "three tokens", "last block"],
)
@pytest.mark.parametrize("present", [[], ["cat"], ["ant", "dog"], CLASSES])
def test_masking_equals_a_sequence_without_the_tokens(
    tiny_vit: Path, tiny_encoder: Encoder, options: dict[str, Any], present: list[str]
) -> None:
    engine = random_engine(tiny_encoder, **options)
    x = pixels(tiny_encoder)
    expected = eager_logits(tiny_vit, engine, x, present, CLASSES)
    found = engine.logits(x, present)[:, engine.bank.slots(CLASSES)]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_masking_equals_a_bank_that_never_had_the_class(tiny_encoder: Encoder) -> None:
    rest = [label for label in CLASSES if label != "bee"]
    full, without = random_engine(tiny_encoder), random_engine(tiny_encoder, rest, slots=[9, 4, 0])
    x = images(6).inputs
    never = without.scores(x)
    np.testing.assert_allclose(full.scores(x, rest), never, rtol=1e-5, atol=1e-5)
    full.bank.detach("bee")
    np.testing.assert_allclose(full.scores(x), never, rtol=1e-5, atol=1e-5)
    full.bank.attach("bee")
    assert np.abs(full.scores(x)[:, [0, 2, 3]] - never).max() > 1e-3
    full.forget("bee")
    np.testing.assert_allclose(full.scores(x), never, rtol=1e-5, atol=1e-5)


def test_many_absent_prompts_before_the_image_change_nothing(tiny_encoder: Encoder) -> None:
    near, far = random_engine(tiny_encoder, ["ant"]), random_engine(tiny_encoder, ["ant"], slots=[2000])
    x = images(2).inputs
    np.testing.assert_allclose(far.scores(x), near.scores(x), rtol=1e-5, atol=1e-5)


def test_one_pass_over_mixed_masks_equals_one_pass_per_mask(tiny_encoder: Encoder) -> None:
    engine = random_engine(tiny_encoder)
    states = tiny_encoder.embed(pixels(tiny_encoder))
    masks = torch.rand(2, 6, 8, generator=torch.Generator().manual_seed(0)) < 0.5
    one = engine.logits_of_states(torch.cat([states, states]), masks.flatten(0, 1))
    two = [engine.logits_of_states(states, mask) for mask in masks]
    torch.testing.assert_close(one, torch.cat(two), rtol=1e-5, atol=1e-5)
    singly = [engine.logits_of_states(states[i : i + 1], masks[0, i : i + 1]) for i in range(6)]
    torch.testing.assert_close(one[:6], torch.cat(singly), rtol=1e-5, atol=1e-5)


def test_loss_is_both_terms_from_two_separate_passes(tiny_vit: Path, tiny_encoder: Encoder) -> None:
    """Reference: image by image through transformers' layers, with the subsets that the generator drew."""
    engine = random_engine(tiny_encoder)
    x, target = pixels(tiny_encoder), torch.arange(6) % 4
    generator = torch.Generator().manual_seed(3)
    shown = own_and_wrong_subset(target, 4, generator)
    wrong = wrong_subset(target, 4, generator)
    slots = engine.bank.slots(CLASSES)
    weights = {n: t[slots] for n, t in engine.bank.packed.items()} | engine.shared_tensors()
    found = engine._loss(weights, tiny_encoder.embed(x), target, shown, wrong, None)

    def row(i: int, mask: Tensor) -> Tensor:
        present = [label for label, seen in zip(CLASSES, mask[i].tolist(), strict=True) if seen]
        return eager_logits(tiny_vit, engine, x[i : i + 1], present, CLASSES)

    answer = torch.stack([F.cross_entropy(row(i, shown), target[i : i + 1]) for i in range(6)]).mean()
    unsure = torch.stack([uniform_loss(row(i, wrong)) for i in range(6)]).mean()
    torch.testing.assert_close(found, answer + unsure, rtol=1e-5, atol=1e-5)


def test_absent_prompts_get_no_gradient_and_present_ones_do(tiny_encoder: Encoder) -> None:
    engine = random_engine(tiny_encoder)
    prompt = engine.bank.packed["prompt"].clone().requires_grad_()
    weights = {**engine.bank.packed, "prompt": prompt, **engine.shared_tensors()}
    present = torch.tensor([[True, False, True, False, False, False, False, False]])
    states = tiny_encoder.embed(pixels(tiny_encoder)[:1])
    (gradient,) = torch.autograd.grad(engine._logits(weights, states, present).sum(), prompt)
    assert gradient.flatten(1).any(dim=1).tolist() == present[0].tolist()


def test_learns_to_tell_classes_apart(tiny_encoder: Encoder) -> None:
    engine = learned(tiny_encoder, epochs=40, learning_rate=1e-2)
    test = images(40, seed=7)
    answers = np.array(engine.bank.attached)[engine.scores(test.inputs).argmax(axis=1)]
    assert (answers == test.labels).mean() > 0.9


def test_learning_writes_records_and_adapter_and_nothing_else(tiny_encoder: Encoder) -> None:
    before = tiny_encoder.blocks[0].qkv_weight.clone()
    state = torch.random.get_rng_state()
    engine = learned(tiny_encoder)
    assert engine.guarantee is Guarantee.BEHAVIOURAL
    assert engine.bank.labels == CLASSES
    assert all(t.any() for t in engine.shared_tensors().values())
    assert not any(t.requires_grad for t in all_tensors(engine).values())
    assert torch.equal(tiny_encoder.blocks[0].qkv_weight, before)
    assert torch.equal(torch.random.get_rng_state(), state)
    record = engine.bank["cat"].tensors
    assert {n: tuple(t.shape) for n, t in record.items() if n in engine.learned_shapes()} == {
        "prompt": (1, 32),
        "row": (32,),
        "bias": (),
    }
    assert record["count"].item() == 2
    assert engine.threshold(0.5) <= 0


def test_prompts_are_normal_and_each_class_draws_from_its_own_stream(tiny_encoder: Encoder) -> None:
    engine = PaperEngine(tiny_encoder, Paper(tokens_per_class=300))
    drawn = engine._start(CLASSES)
    assert drawn["prompt"].std().item() == pytest.approx(1, abs=0.02)
    assert drawn["prompt"].mean().item() == pytest.approx(0, abs=0.02)
    alone = engine._start(["cat"])
    assert all(torch.equal(alone[name][0], drawn[name][2]) for name in drawn)
    assert drawn["row"].abs().max() <= 32**-0.5


def test_forget_removes_prompt_row_and_bias_and_leaves_the_adapter(tiny_encoder: Encoder) -> None:
    engine = learned(tiny_encoder)
    slot = engine.bank.slot("bee")
    adapter = {n: t.clone() for n, t in engine.shared_tensors().items()}
    kept = {n: t.clone() for n, t in engine.bank["cat"].tensors.items()}
    gone = engine.bank["bee"].tensors
    engine.forget("bee")
    assert not any(t.any() for t in gone.values())
    assert not any(engine.bank.packed[n][slot].any() for n in ("prompt", "row", "bias"))
    assert all(torch.equal(t, adapter[n]) for n, t in engine.shared_tensors().items())
    assert all(torch.equal(t, kept[n]) for n, t in engine.bank["cat"].tensors.items())
    assert engine.scores(images(3).inputs).shape == (3, 3)
    with pytest.raises(UnknownLabelError):
        engine.scores(images(3).inputs, ["bee"])
    with pytest.raises(UnknownLabelError):
        engine.logits(pixels(tiny_encoder), ["bee"])


def test_same_seed_same_bits(tiny_encoder: Encoder) -> None:
    engine = learned(tiny_encoder)
    assert same(engine, learned(tiny_encoder))
    assert not same(engine, learned(tiny_encoder, seed=1))


def test_resumed_learning_equals_one_that_was_never_cut_off(
    tiny_encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(checkpoint=tmp_path / "part" / "learning.ckpt")
    whole = learned(tiny_encoder, epochs=3)
    saves = 0

    class Cut(Checkpoint):
        def save(self, *args: Any) -> None:
            nonlocal saves
            super().save(*args)
            saves += 1
            if saves == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr("preforget.engines.base.Checkpoint", Cut)
    with pytest.raises(KeyboardInterrupt):
        learned(tiny_encoder, session, epochs=3)
    assert session.checkpoint is not None
    assert session.checkpoint.is_file()
    monkeypatch.undo()
    steps = 0
    batches = loop._batches

    def counted(*args: Any) -> Any:
        nonlocal steps
        for batch in batches(*args):
            steps += 1
            yield batch

    monkeypatch.setattr(loop, "_batches", counted)
    assert same(learned(tiny_encoder, session, epochs=3), whole)
    assert steps == 3  # one epoch of 24 images


def test_add_trains_the_new_record_alone(tiny_encoder: Encoder) -> None:
    engine = PaperEngine(tiny_encoder, Paper(epochs=40, batch_size=8, learning_rate=1e-2))
    first = CLASSES[:3]
    engine.learn(images(24, first), images(6, first, seed=1), Session())
    before = {n: t.clone() for n, t in all_tensors(engine).items()}
    engine.add(["dog"], images(), images(8, seed=1), Session())
    after = all_tensors(engine)
    assert all(torch.equal(after[n], t) for n, t in before.items())
    assert engine.bank.labels == CLASSES
    assert engine.bank["dog"].tensors["count"].item() == 2
    test = images(40, seed=7).only("dog")
    answers = np.array(engine.bank.attached)[engine.scores(test.inputs).argmax(axis=1)]
    assert (answers == "dog").mean() > 0.9


def test_restore_gives_the_same_scores(tiny_encoder: Encoder) -> None:
    engine = learned(tiny_encoder)
    copy = PaperEngine(tiny_encoder, Paper(**QUICK))
    copy.restore([engine.bank[label] for label in engine.bank.labels], engine.shared_tensors())
    x = images(5).inputs
    np.testing.assert_array_equal(copy.scores(x), engine.scores(x))
    other = PaperEngine(tiny_encoder, Paper(first_block=1))
    with pytest.raises(UsageError, match="don't fit"):
        other.restore([], engine.shared_tensors())


def test_no_class_live(tiny_encoder: Encoder) -> None:
    engine = random_engine(tiny_encoder)
    x = images(3).inputs
    for label in CLASSES:
        engine.forget(label)
    for empty in (engine, PaperEngine(tiny_encoder, Paper())):
        scores = empty.scores(x)
        assert scores.shape == (3, 0)
        assert empty.probabilities(scores).shape == (3, 0)
        assert np.isneginf(empty.log_confidence(scores)).all()
        assert empty.threshold(0.95) == math.inf


def test_one_class_live(tiny_encoder: Encoder) -> None:
    engine = random_engine(tiny_encoder, ["ant"])
    scores = engine.scores(images(3).inputs)
    assert scores.shape == (3, 1)
    np.testing.assert_array_equal(engine.probabilities(scores), np.ones((3, 1)))
    np.testing.assert_array_equal(engine.log_confidence(scores), np.zeros(3))
    single = PaperEngine(tiny_encoder, Paper(**QUICK))
    single.learn(images(8, ["ant"]), images(4, ["ant"]), Session())
    assert np.isfinite(single.scores(images(3).inputs)).all()


def test_bfloat16_encoder_keeps_parameters_and_logits_in_float32(
    tiny_vit: Path, tiny_encoder: Encoder
) -> None:
    encoder = load_backbone(str(tiny_vit), device="cpu", dtype="bfloat16")
    engine = learned(encoder)
    assert {t.dtype for t in all_tensors(engine).values()} == {torch.float32}
    scores = engine.scores(images(6).inputs)
    assert scores.dtype == np.float32
    exact = PaperEngine(tiny_encoder, Paper(**QUICK))
    exact.restore([engine.bank[label] for label in engine.bank.labels], engine.shared_tensors())
    np.testing.assert_allclose(scores, exact.scores(images(6).inputs), atol=0.1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"epochs": 0}, "epochs"),
        ({"batch_size": True}, "batch_size"),
        ({"tokens_per_class": 0}, "tokens_per_class"),
        ({"first_block": -1}, "first_block"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"final_norm": 1}, "final_norm"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Paper(**options)


def test_first_block_must_exist(tiny_encoder: Encoder) -> None:
    with pytest.raises(UsageError, match="last block is 2"):
        PaperEngine(tiny_encoder, Paper(first_block=3))
