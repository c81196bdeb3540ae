from __future__ import annotations

import hashlib
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import preforget as pf
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import (
    BackboneError,
    DataError,
    NotFittedError,
    StoreError,
    UnknownLabelError,
    UsageError,
)
from preforget.data import Split, as_split
from preforget.store import Manifest, ModelFolder

CLASSES = ["ant", "bee", "cat", "dog"]
QUICK: dict[str, Any] = {"epochs": 4, "batch_size": 8, "lora_rank": 1}

Make = Callable[..., PreForgettableClassifier]


def data(each: int = 6, classes: list[str] = CLASSES, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Noisy copies of one random grey picture per class, 8 px."""
    rng = np.random.default_rng(seed)
    labels = [label for _ in range(each) for label in classes]
    centres = {c: np.random.default_rng(sum(map(ord, c))).integers(0, 128, (8, 8)) for c in classes}
    images = np.stack([centres[label] + rng.integers(0, 100, (8, 8)) for label in labels])
    return images.astype(np.uint8), labels


@pytest.fixture
def make(tiny_vit: Path) -> Make:
    def make(**options: Any) -> PreForgettableClassifier:
        base = {"image_size": 16, "device": "cpu", "dtype": "float32", **QUICK}
        return PreForgettableClassifier(**{"backbone": str(tiny_vit), **base, **options})

    return make


@pytest.fixture
def model(make: Make) -> PreForgettableClassifier:
    return make().fit(*data())


@pytest.fixture
def saved(model: PreForgettableClassifier, tmp_path: Path) -> PreForgettableClassifier:
    model.save_pretrained(tmp_path / "model")
    return model


def place(model: PreForgettableClassifier) -> Path:
    assert model.folder is not None
    return model.folder.path


def reloaded(model: PreForgettableClassifier) -> PreForgettableClassifier:
    return PreForgettableClassifier.from_pretrained(place(model), device="cpu")


def columns(model: PreForgettableClassifier, images: np.ndarray) -> dict[str, str]:
    scores = model.scores(images)
    return {c: hashlib.sha256(scores[:, i].tobytes()).hexdigest() for i, c in enumerate(model.classes_)}


# learning


def test_it_beats_chance_on_digits_even_with_random_features(make: Make) -> None:
    digits = pf.load_data("digits")
    train = digits.train.select(range(300))
    model = make(image_size=None, epochs=25, batch_size=16).fit(train, validation=digits.validation)
    test = digits.test.select(range(150))
    best = np.array(model.classes_, dtype=object)[model.scores(test.inputs).argmax(axis=1)]
    assert (best == test.labels).mean() > 0.5


@pytest.mark.parametrize("kind", ["none", "pair", "list", "split"])
def test_validation_data_in_every_form(make: Make, kind: str) -> None:
    pair = data(2, seed=1)
    given = {"none": None, "pair": pair, "list": list(pair), "split": as_split(*pair)}[kind]
    model = make().fit(*data(20), validation=given)
    counts = [model.engine.bank[c].tensors["count"].item() for c in CLASSES]
    assert counts == ([3] * 4 if kind == "none" else [2] * 4)


def test_arrays_paths_and_splits_give_the_same_model(make: Make, tmp_path: Path) -> None:
    images, labels = data()
    paths = []
    for number, image in enumerate(images):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(image).save(paths[-1])
    models = [
        make().fit(images, labels),
        make().fit(images[..., None].repeat(3, axis=3), labels),
        make().fit([str(path) for path in paths], labels),
        make().fit(as_split(paths, labels)),
    ]
    assert all(columns(m, images) == columns(models[0], images) for m in models)
    assert np.array_equal(models[0].predict(paths), models[0].predict(images))


def test_labels_that_are_numbers_become_text(make: Make) -> None:
    images, labels = data()
    model = make().fit(images, np.array([CLASSES.index(label) for label in labels]))
    assert model.classes_ == ["0", "1", "2", "3"]
    model.detach(1)  # type: ignore[arg-type]
    model.forget(2)  # type: ignore[arg-type]
    assert model.classes_ == ["0", "3"]
    assert set(model.predict(images, without=[3])) <= {"0", pf.ABSTAIN}  # type: ignore[list-item]


def test_it_learns_once(model: PreForgettableClassifier) -> None:
    with pytest.raises(UsageError, match="already learned"):
        model.fit(*data())
    for label in CLASSES:
        model.forget(label)
    with pytest.raises(UsageError, match="already learned"):
        model.fit(*data())


def test_a_fit_that_is_cut_off_leaves_a_model_that_knows_nothing(make: Make) -> None:
    model, whole = make(), make().fit(*data())

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    calibrate = model.engine.calibrate
    model.engine.calibrate = interrupt  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data())
    assert model.classes_ == []
    with pytest.raises(NotFittedError):
        model.predict(data()[0])
    model.engine.calibrate = calibrate  # type: ignore[method-assign]
    assert columns(model.fit(*data()), data()[0]) == columns(whole, data()[0])


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"y": None}, UsageError, "labels are missing"),
        ({"y": ["a"] * 24}, DataError, "only one class"),
        ({"y": ["a"] * 23 + ["b"]}, DataError, "at least 2 images; 'b' has 1"),
        ({"y": ["a"] * 3}, DataError, "24 images but 3 labels"),
        ({"X": np.zeros((24, 8, 8))}, DataError, "not uint8"),
        ({"validation": data(2, CLASSES[:3])}, DataError, "no image of class 'dog'"),
        ({"validation": data(2)[0]}, UsageError, "validation is a Split or a pair"),
        ({"validation": "data"}, UsageError, "validation is a Split or a pair"),
        ({"keep_cache": True}, UsageError, "keep_cache needs cache_dir"),
    ],
)
def test_data_that_can_not_be_learned_from(
    make: Make, change: dict[str, Any], kind: type[Exception], message: str
) -> None:
    images, labels = data()
    model = make()
    with pytest.raises(kind, match=message):
        model.fit(**{"X": images, "y": labels, **change})
    assert model.classes_ == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "magic"}, "unknown engine 'magic'; choose one of: exact, isolated"),
        ({"epoch": 3}, "unknown option 'epoch'; there are: .*epochs"),
        ({"keep": 0}, "keep must be a share between 0 and 1, got 0"),
        ({"keep": 1}, "keep must be"),
        ({"keep": float("nan")}, "keep must be"),
        ({"keep": "0.9"}, "keep must be"),
        ({"keep": True}, "keep must be"),
        ({"seed": "x"}, "seed must be a whole number"),
        ({"image_size": 17}, "image size 17 is not a multiple of the patch size 8; try 16"),
        ({"device": "toaster"}, "unknown device"),
        ({"dtype": "float16"}, "unknown dtype"),
    ],
)
def test_options_that_can_not_be_used(make: Make, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make(**options)


def test_a_model_that_learned_nothing(make: Make, tmp_path: Path) -> None:
    model, images = make(), data()[0]
    for use in (
        lambda: model.predict(images),
        lambda: model.predict_proba(images),
        lambda: model.scores(images),
        lambda: model.forget("ant"),
        lambda: model.detach("ant"),
        lambda: model.attach("ant"),
        lambda: model.add("ant", *data()),
        lambda: model.save_pretrained(tmp_path / "m"),
    ):
        with pytest.raises(NotFittedError, match="call fit"):
            use()
    assert list(tmp_path.iterdir()) == []
    assert (
        repr(model) == f"<PreForgettableClassifier isolated on {model.engine.encoder.identity.id}: 0 classes>"
    )


# answers


def test_predictions_and_probabilities_belong_together(model: PreForgettableClassifier) -> None:
    images = data(4, seed=3)[0]
    shares, answers = model.predict_proba(images), model.predict(images)
    assert shares.shape == (16, 4)
    assert (shares >= 0).all()
    assert (shares.sum(axis=1) <= 1 + 1e-6).all()
    best = np.array(model.classes_, dtype=object)[shares.argmax(axis=1)]
    assert all(answer is pf.ABSTAIN or answer == guess for answer, guess in zip(answers, best, strict=True))
    again, confidence = model.predict_with_confidence(images)
    assert np.array_equal(again, answers)
    assert np.array_equal(confidence, shares.max(axis=1))


def test_the_unsure_are_answered_with_abstention(make: Make) -> None:
    model = make(epochs=40).fit(*data(20))
    images, labels = data(20, seed=3)
    answers = model.predict(images, without="cat")
    cats = np.array(labels) == "cat"
    assert "cat" not in set(answers)
    abstained = np.array([answer is pf.ABSTAIN for answer in answers])
    assert abstained[cats].mean() > 0.5 + abstained[~cats].mean()


def test_leaving_out_for_one_request_is_like_detaching(model: PreForgettableClassifier) -> None:
    images = data(4, seed=3)[0]
    asked = model.predict(images, without=["cat", "ant"])
    assert model.classes_ == CLASSES
    model.detach("cat")
    model.detach("ant")
    assert model.classes_ == ["bee", "dog"]
    assert np.array_equal(asked, model.predict(images))
    model.attach("ant")
    assert model.classes_ == ["ant", "bee", "dog"]


def test_leaving_out_everything_abstains(model: PreForgettableClassifier) -> None:
    answers, confidence = model.predict_with_confidence(data()[0], without=CLASSES)
    assert all(answer is pf.ABSTAIN for answer in answers)
    assert not confidence.any()


@pytest.mark.parametrize("without", ["cow", ["cat", "cow"]])
def test_leaving_out_a_class_that_is_unknown(model: PreForgettableClassifier, without: Any) -> None:
    with pytest.raises(UnknownLabelError, match="cow"):
        model.predict(data()[0], without=without)


# forgetting


def test_forgetting_is_exact_for_the_others(model: PreForgettableClassifier) -> None:
    images = data(5, seed=4)[0]
    before = columns(model, images)
    erasure = model.forget("cat", reason="request 7")
    assert erasure.classes_left == 3
    assert columns(model, images) == {c: before[c] for c in ("ant", "bee", "dog")}
    assert "cat" not in set(model.predict(images))
    with pytest.raises(UnknownLabelError, match="already forgotten"):
        model.forget("cat")


def test_forgetting_everything_leaves_a_model_that_always_abstains(model: PreForgettableClassifier) -> None:
    for label in CLASSES:
        model.forget(label)
    images = data()[0]
    assert model.classes_ == []
    assert all(answer is pf.ABSTAIN for answer in model.predict(images))
    assert model.predict_proba(images).shape == model.scores(images).shape == (24, 0)
    with pytest.raises(UnknownLabelError, match="it knows no class"):
        model.forget("ant")


def test_forgetting_everything_is_written_too(saved: PreForgettableClassifier) -> None:
    for label in CLASSES:
        saved.forget(label)
    back = reloaded(saved)
    assert all(answer is pf.ABSTAIN for answer in back.predict(data()[0]))
    assert [path.name for path in place(saved).rglob("*") if path.is_file()] != []
    assert list((place(saved) / "records").iterdir()) == []


def test_nothing_of_a_forgotten_class_stays_in_any_byte(saved: PreForgettableClassifier) -> None:
    record = saved.engine.bank["cat"]
    needles = []
    for tensor in record.tensors.values():
        content = tensor.contiguous().numpy().tobytes()
        needles += [content[i : i + 32] for i in range(0, len(content) - 31, 16) if any(content[i : i + 32])]
    assert len(needles) > 100
    saved.forget("cat")
    for path in place(saved).rglob("*"):
        if path.is_file():
            content = path.name.encode() + path.read_bytes()
            assert not any(needle in content for needle in needles)
            assert re.search(rb"(?<![A-Za-z])cat(?![A-Za-z])", content) is None  # "location" has one too


# adding


def test_an_added_class_is_answered_and_the_others_stay(saved: PreForgettableClassifier) -> None:
    images = data(5, seed=4)[0]
    before = columns(saved, images)
    files = {path: path.read_bytes() for path in (place(saved) / "records").iterdir()}
    saved.add("emu", *data(6, [*CLASSES, "emu", "unheard"]))
    after = columns(saved, images)
    assert {c: after[c] for c in CLASSES} == before
    assert {path: path.read_bytes() for path in files} == files
    assert saved.classes_ == [*CLASSES, "emu"]
    assert columns(reloaded(saved), images) == after
    emus = data(20, ["emu"], seed=5)[0]
    best = np.array(saved.classes_)[saved.scores(emus).argmax(axis=1)]
    assert (best == "emu").mean() > 0.8


def test_a_forgotten_class_can_be_added_again(saved: PreForgettableClassifier) -> None:
    (old,) = saved.forget("cat").records
    saved.add("cat", *data())
    assert saved.classes_ == CLASSES
    assert saved.engine.bank["cat"].id != old
    assert reloaded(saved).classes_ == CLASSES


@pytest.mark.parametrize(
    ("label", "classes", "kind", "message"),
    [
        ("cat", CLASSES, UsageError, "already has class 'cat'"),
        ("emu", CLASSES, DataError, "hold no image of 'emu'; they have: ant, bee, cat, dog"),
        ("emu", ["emu"], DataError, "must also hold images of classes that the model knows, such as 'ant'"),
        ("emu", ["emu", "unheard"], DataError, "must also hold images of classes that the model knows"),
    ],
)
def test_what_can_not_be_added(
    saved: PreForgettableClassifier, label: str, classes: list[str], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        saved.add(label, *data(6, classes))
    assert reloaded(saved).classes_ == saved.classes_ == CLASSES


def test_an_adding_that_fails_leaves_the_model_as_it_was(saved: PreForgettableClassifier) -> None:
    path = place(saved)
    packed = {name: tensor.clone() for name, tensor in saved.engine.bank.packed.items()}
    aside = path.rename(path.with_name("aside"))
    with pytest.raises(StoreError):
        saved.add("emu", *data(6, [*CLASSES, "emu"]))
    assert saved.classes_ == CLASSES
    assert all(torch.equal(tensor, saved.engine.bank.packed[name]) for name, tensor in packed.items())
    aside.rename(path)
    saved.engine.calibrate = lambda *_: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    with pytest.raises(ZeroDivisionError):
        saved.add("emu", *data(6, [*CLASSES, "emu"]))
    assert reloaded(saved).classes_ == saved.classes_ == CLASSES


# the model folder


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_new_process_gives_the_same_bits(make: Make, tmp_path: Path, dtype: str) -> None:
    names = [f"c{number:02}" for number in range(18)]
    model = make(dtype=dtype, epochs=1).fit(*data(3, names))
    images = np.random.default_rng(0).integers(0, 256, (131, 16, 16, 3), dtype=np.uint8)
    before = columns(model, images)
    model.save_pretrained(tmp_path / "m")
    for gone in [*names[:8], names[16]]:
        model.forget(gone)
    model.detach(names[9])
    model.add("new", *data(3, [*names[10:13], "new"]))
    np.save(tmp_path / "images.npy", images)
    code = """
import hashlib, json, sys
import numpy as np, torch
import preforget as pf
torch.set_num_threads(1)
model = pf.PreForgettableClassifier.from_pretrained(sys.argv[1], device="cpu")
scores = model.scores(np.load(sys.argv[2]))
print(json.dumps({c: hashlib.sha256(scores[:, i].tobytes()).hexdigest() for i, c in enumerate(model.classes_)}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "m"), str(tmp_path / "images.npy")],
        capture_output=True,
        text=True,
        check=True,
    )
    there = json.loads(done.stdout)
    assert there == columns(model, images)
    kept = set(names) - {*names[:8], names[16], names[9]}
    assert there.keys() == kept | {"new"}
    assert {c: there[c] for c in kept} == {c: before[c] for c in kept}


def test_changes_are_written_at_once(saved: PreForgettableClassifier) -> None:
    images = data(5, seed=4)[0]
    for change in (
        lambda: saved.detach("bee"),
        lambda: saved.detach("bee"),
        lambda: saved.forget("cat"),
        lambda: saved.detach("dog"),
        lambda: saved.attach("bee"),
        lambda: saved.forget("dog"),
        lambda: saved.add("emu", *data(6, ["ant", "bee", "emu"])),
    ):
        change()
        back = reloaded(saved)
        assert back.classes_ == saved.classes_
        assert back.engine.bank.labels == saved.engine.bank.labels
        assert columns(back, images) == columns(saved, images)
        assert np.array_equal(back.predict(images), saved.predict(images))


def test_a_loaded_model_is_bound_to_its_folder(saved: PreForgettableClassifier) -> None:
    back = reloaded(saved)
    back.forget("ant")
    assert reloaded(saved).classes_ == ["bee", "cat", "dog"]


def test_keep_seed_and_options_come_back(make: Make, tmp_path: Path) -> None:
    model = make(keep=0.8, seed=3).fit(*data())
    model.save_pretrained(tmp_path / "m")
    back = PreForgettableClassifier.from_pretrained(tmp_path / "m", device="cpu")
    assert back.keep == 0.8
    assert back.engine.config == model.engine.config
    assert back.engine.encoder.preprocessing.image_size == 16


def test_a_detaching_that_can_not_be_written_does_not_happen(saved: PreForgettableClassifier) -> None:
    place(saved).rename(place(saved).with_name("aside"))
    with pytest.raises(StoreError):
        saved.detach("ant")
    assert saved.classes_ == CLASSES


def test_saving_again(saved: PreForgettableClassifier, tmp_path: Path) -> None:
    generation = Manifest.read(place(saved)).generation
    saved.save_pretrained(place(saved))
    assert Manifest.read(place(saved)).generation == generation
    shutil.rmtree(place(saved))
    saved.save_pretrained(place(saved))
    assert reloaded(saved).classes_ == CLASSES
    saved.save_pretrained(tmp_path / "copy")
    saved.forget("ant")
    assert PreForgettableClassifier.from_pretrained(tmp_path / "model", device="cpu").classes_ == CLASSES
    assert PreForgettableClassifier.from_pretrained(tmp_path / "copy", device="cpu").classes_ == CLASSES[1:]


def test_a_place_that_is_taken_is_not_written(model: PreForgettableClassifier, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"")
    with pytest.raises(StoreError, match="is not empty"):
        model.save_pretrained(tmp_path)
    assert model.folder is None
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_backbone_that_moved(model: PreForgettableClassifier, tiny_vit: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(tiny_vit, old)
    images = data()[0]
    there = PreForgettableClassifier(str(old), image_size=16, device="cpu", dtype="float32", **QUICK)
    there.fit(*data()).save_pretrained(tmp_path / "m")
    old.rename(new)
    with pytest.raises(BackboneError, match="backbone folder not found"):
        PreForgettableClassifier.from_pretrained(tmp_path / "m", device="cpu")
    back = PreForgettableClassifier.from_pretrained(tmp_path / "m", backbone=str(new), device="cpu")
    assert columns(back, images) == columns(there, images) == columns(model, images)


def test_another_backbone_is_refused(saved: PreForgettableClassifier, tiny_vit: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny_vit, other)
    weights = load_file(other / "model.safetensors")
    weights["layernorm.bias"][0] += 1
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BackboneError, match=r"was learned on another backbone than .*: digest differs"):
        PreForgettableClassifier.from_pretrained(place(saved), backbone=str(other), device="cpu")
    shutil.copy(tiny_vit / "model.safetensors", other)
    values = {"image_mean": [0.4, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
    (other / "preprocessor_config.json").write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(BackboneError, match="mean differs"):
        PreForgettableClassifier.from_pretrained(place(saved), backbone=str(other), device="cpu")


DAMAGES: list[tuple[str, Any]] = [
    ("engine", "magic"),
    ("guarantee", "exact"),
    ("keep", 1.5),
    ("options.seed", None),
    ("options.epochs", "many"),
    ("options.first_block", 1),
    ("options.tokens_per_class", 2),
    ("options.lora_rank", 0),
    ("options.more", 1),
    ("options.keep", 0.5),
    ("backbone.image_size", 17),
    ("backbone.dtype", "float7"),
    ("shared", "sha256:0"),
    ("records", {}),
    ("records", {"0" * 32: "sha256:0"}),
]


@pytest.mark.parametrize(("name", "value"), DAMAGES)
def test_a_manifest_that_was_changed_by_hand(saved: PreForgettableClassifier, name: str, value: Any) -> None:
    path = place(saved) / "preforget.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    outer, _, inner = name.partition(".")
    if inner:
        values[outer][inner] = value
    else:
        values[outer] = value
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(StoreError):
        reloaded(saved)


@pytest.mark.parametrize("option", ["seed", "epochs", "first_block", "lora_rank"])
def test_a_manifest_that_lacks_an_option(saved: PreForgettableClassifier, option: str) -> None:
    folder = ModelFolder.open(place(saved))
    left = {name: value for name, value in folder.manifest.options.items() if name != option}
    folder.commit("copy", {}, options=left)
    with pytest.raises(StoreError, match="its options are not those of its engine"):
        reloaded(saved)


def test_what_the_caller_got_wrong_is_not_blamed_on_the_folder(saved: PreForgettableClassifier) -> None:
    for wrong in ({"device": "toaster"}, {"dtype": "float7", "device": "cpu"}):
        with pytest.raises(UsageError, match=r"toaster|float7"):
            PreForgettableClassifier.from_pretrained(place(saved), **wrong)


def test_a_record_of_another_model(saved: PreForgettableClassifier, make: Make, tmp_path: Path) -> None:
    make(tokens_per_class=2).fit(*data()).save_pretrained(tmp_path / "other")
    theirs = reloaded(PreForgettableClassifier.from_pretrained(tmp_path / "other")).engine.records()
    ours = ModelFolder.open(place(saved))
    ours.change(add=theirs, erase=list(ours.manifest.records))
    with pytest.raises(StoreError, match="don't fit its engine"):
        reloaded(saved)


# ends that nobody planned


@pytest.mark.slow
def test_a_learning_that_is_killed_goes_on_to_the_same_bits(
    make: Make, tiny_vit: Path, tmp_path: Path
) -> None:
    images, labels = data(20)
    options = {"epochs": 60, "batch_size": 4}
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    checkpoint = tmp_path / "c" / "checkpoint"
    code = """
import sys
import numpy as np, torch
import preforget as pf
torch.set_num_threads(1)
data = np.load(sys.argv[2])
pf.PreForgettableClassifier(
    sys.argv[1], image_size=16, device="cpu", dtype="float32", lora_rank=1, epochs=60, batch_size=4
).fit(data["images"], data["labels"], checkpoint=sys.argv[3], cache_dir=sys.argv[4])
"""
    arguments = [str(tiny_vit), str(tmp_path / "data.npz"), str(checkpoint), str(tmp_path / "cache")]
    child = subprocess.Popen([sys.executable, "-c", code, *arguments])
    try:
        deadline = time.monotonic() + 120
        while not checkpoint.is_file() and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert child.returncode == -signal.SIGKILL
    assert checkpoint.is_file()
    assert list((tmp_path / "cache").iterdir()) == []
    resumed = make(**options).fit(images, labels, checkpoint=checkpoint)
    whole = make(**options).fit(images, labels)
    resumed.save_pretrained(tmp_path / "model")
    assert not checkpoint.exists()
    for name, tensor in whole.engine.bank.packed.items():
        assert torch.equal(tensor, resumed.engine.bank.packed[name])


def test_splits_bring_their_labels(make: Make) -> None:
    split = as_split(*data())
    with pytest.raises(UsageError, match="leave y out"):
        make().fit(split, split.labels)
    assert isinstance(split, Split)
    assert make().fit(split).predict(split).shape == (24,)


# the exact engine and subjects


@pytest.fixture
def exact(tiny_vit: Path) -> PreForgettableClassifier:
    """Four classes of 12 images of three people, learned by the exact engine."""
    model = PreForgettableClassifier(str(tiny_vit), "exact", 16, levels=1, device="cpu", dtype="float32")
    images, labels = data(12)
    return model.fit(images, labels, subjects=[f"person {n // 4 % 3}" for n in range(48)])


def state(model: PreForgettableClassifier) -> list[str]:
    return [record.digest() for record in model.engine.records()]


def test_the_exact_engine_is_saved_changed_and_loaded(
    exact: PreForgettableClassifier, tmp_path: Path
) -> None:
    images = data(5, seed=4)[0]
    exact.save_pretrained(tmp_path / "m")
    steps: list[Callable[[], object]] = [
        lambda: exact.detach("bee"),
        lambda: exact.forget("cat", "request 7"),
        lambda: exact.forget_subject("person 1"),
        lambda: exact.attach("bee"),
        lambda: exact.add("emu", *data(6, ["emu"])),
        lambda: exact.add_subject(*data(2, ["ant", "emu"]), subjects=["person 9"] * 4),
        lambda: exact.forget_subject("person 9"),
    ]
    for step in steps:
        step()
        back = reloaded(exact)
        assert back.classes_ == exact.classes_
        assert state(back) == state(exact)
        assert columns(back, images) == columns(exact, images)
        assert np.array_equal(back.predict(images), exact.predict(images))
        names = {path.stem for path in (place(exact) / "records").iterdir()}
        assert names == {record.id for record in exact.engine.records()}
    assert exact.classes_ == ["ant", "bee", "dog", "emu"]
    with pytest.raises(UnknownLabelError, match="holds nothing of subject 'person 1'"):
        exact.forget_subject("person 1")


def test_nothing_of_a_forgotten_subject_stays_in_any_byte(
    exact: PreForgettableClassifier, tmp_path: Path
) -> None:
    exact.save_pretrained(tmp_path / "m")
    going = exact.engine.going(subject="person 2")
    needles = [b"person 2"]
    for record in going:
        for tensor in record.tensors.values():
            content = tensor.contiguous().numpy().tobytes()
            needles += [
                content[i : i + 32] for i in range(0, len(content) - 31, 64) if any(content[i : i + 32])
            ]
    assert len(needles) > 30
    erasure = exact.forget_subject("person 2")
    assert (erasure.what, len(erasure.records)) == ("subject", len(going))
    for path in place(exact).rglob("*"):
        if path.is_file():
            content = path.name.encode() + path.read_bytes()
            assert not any(needle in content for needle in needles)


def test_forgetting_rewrites_nothing_but_records_and_the_manifest(
    exact: PreForgettableClassifier, tmp_path: Path
) -> None:
    exact.save_pretrained(tmp_path / "m")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "m" / "records").iterdir()}
    exact.forget("cat")
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "m" / "records").iterdir()}
    assert after.items() <= before.items()
    assert len(after) < len(before)


def test_pairs_that_a_crash_left_out_are_derived_on_loading_and_can_be_forgotten(
    exact: PreForgettableClassifier, tmp_path: Path
) -> None:
    exact.save_pretrained(tmp_path / "m")
    assert exact.folder is not None
    exact.folder.change(erase=[r.id for r in exact.engine.records() if r.partner == "dog"])
    back = reloaded(exact)
    assert state(back) == state(exact)
    back.forget("dog")
    assert back.classes_ == reloaded(back).classes_ == ["ant", "bee", "cat"]
    assert state(reloaded(back)) == state(back)


def test_an_adding_of_a_subject_that_fails_leaves_the_model_as_it_was(
    exact: PreForgettableClassifier, tmp_path: Path
) -> None:
    exact.save_pretrained(tmp_path / "m")
    before, images = state(exact), data()[0]
    scores = exact.scores(images)
    aside = place(exact).rename(tmp_path / "aside")
    with pytest.raises(StoreError):
        exact.add_subject(*data(2, ["ant"]), subjects=["person 9"] * 2)
    assert state(exact) == before
    assert np.array_equal(exact.scores(images), scores)
    aside.rename(tmp_path / "m")
    exact.forget("ant")
    assert state(reloaded(exact)) == state(exact)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"subjects": None}, UsageError, "subjects are missing"),
        ({"subjects": ["x"]}, DataError, "4 images but 1 subjects"),
        ({"y": ["emu"] * 4}, UnknownLabelError, "no class 'emu'"),
        ({"subjects": ["person 0"] * 4}, UsageError, "forget the subject first"),
    ],
)
def test_subjects_that_can_not_be_added(
    exact: PreForgettableClassifier, change: dict[str, Any], kind: type[Exception], message: str
) -> None:
    before = state(exact)
    given = {"X": data(4, ["ant"])[0], "y": ["ant"] * 4, "subjects": ["person 9"] * 4, **change}
    with pytest.raises(kind, match=message):
        exact.add_subject(**given)
    assert state(exact) == before


def test_other_engines_know_no_subjects(model: PreForgettableClassifier, make: Make) -> None:
    for use in (
        lambda: model.forget_subject("Ada"),
        lambda: model.add_subject(*data(), subjects=["Ada"] * 24),
        lambda: make().fit(*data(), subjects=["Ada"] * 24),
    ):
        with pytest.raises(UsageError, match="can forget classes, not subjects"):
            use()


def test_validation_needs_subjects_where_learning_has_them(tiny_vit: Path) -> None:
    model = PreForgettableClassifier(str(tiny_vit), "exact", 16, levels=1, device="cpu")
    with pytest.raises(UsageError, match="the validation data need them too"):
        model.fit(*data(), validation=data(2), subjects=["Ada"] * 24)
