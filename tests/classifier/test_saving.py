from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from preforget.backbones import load_backbone
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import (
    BackboneError,
    StoreError,
    UnknownLabelError,
    UsageError,
)
from preforget.store import Manifest, ModelFolder

from ..forked import Forked, program
from .cuts import before
from .tiny import CLASSES, QUICK, Make, columns, data, place, reloaded, state


def test_a_new_process_gives_the_same_bits(make: Make, tmp_path: Path) -> None:
    names = [f"c{number:02}" for number in range(18)]
    model = make(epochs=1).fit(*data(3, names))
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
print(json.dumps({c: hashlib.sha256(scores[:, i].tobytes()).hexdigest() for i, c in enumerate(model.labels)}))
"""
    there = json.loads(program(code, tmp_path / "m", tmp_path / "images.npy"))
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
        assert back.labels == saved.labels
        assert back.engine_.bank.labels == saved.engine_.bank.labels
        assert columns(back, images) == columns(saved, images)
        assert np.array_equal(back.predict(images), saved.predict(images))


def test_a_loaded_model_is_bound_to_its_folder(saved: PreForgettableClassifier) -> None:
    back = reloaded(saved)
    back.forget("ant")
    assert reloaded(saved).labels == ["bee", "cat", "dog"]


def test_keep_seed_and_options_come_back(make: Make, tmp_path: Path) -> None:
    model = make(keep=0.8, seed=3).fit(*data())
    model.save_pretrained(tmp_path / "m")
    back = PreForgettableClassifier.from_pretrained(tmp_path / "m", device="cpu")
    assert back.keep == 0.8
    assert back.engine_.config == model.engine_.config
    assert back.engine_.encoder.preprocessing.image_size == 16


def test_saving_again(saved: PreForgettableClassifier, tmp_path: Path) -> None:
    generation = Manifest.read(place(saved)).generation
    saved.save_pretrained(place(saved))
    assert Manifest.read(place(saved)).generation == generation
    saved.save_pretrained(tmp_path / "copy")
    saved.forget("ant")
    assert PreForgettableClassifier.from_pretrained(tmp_path / "model", device="cpu").labels == CLASSES
    assert PreForgettableClassifier.from_pretrained(tmp_path / "copy", device="cpu").labels == CLASSES[1:]


def names_below(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("what", ["moved", "deleted", "forgotten elsewhere", "exchanged"])
def test_what_was_forgotten_where_a_model_cannot_see_it_is_not_written_again(
    saved: PreForgettableClassifier, tmp_path: Path, what: str
) -> None:
    folder, elsewhere = place(saved), tmp_path / "elsewhere"
    if what == "forgotten elsewhere":
        reloaded(saved).forget("bee")
    else:
        folder.rename(elsewhere)
        PreForgettableClassifier.from_pretrained(elsewhere, device="cpu").forget("bee")
        if what == "deleted":
            shutil.rmtree(elsewhere)
        elif what == "exchanged":
            shutil.copytree(elsewhere, folder)
    before = names_below(tmp_path)
    for use in (
        lambda: saved.save_pretrained(tmp_path / "new"),
        lambda: saved.save_pretrained(folder),
        lambda: saved.detach("ant"),
        lambda: saved.forget("cat"),
    ):
        with pytest.raises(StoreError, match=r"moved or deleted|another process has changed it"):
            use()
    assert names_below(tmp_path) == before


def test_an_older_copy_of_a_sealed_model_in_its_place_is_not_saved_from(
    model: PreForgettableClassifier, tmp_path: Path
) -> None:
    model.save_pretrained(tmp_path / "model", sealed=True)
    shutil.copytree(tmp_path / "model", tmp_path / "old")
    reloaded(model).forget("bee")
    shutil.rmtree(tmp_path / "model")
    (tmp_path / "old").rename(tmp_path / "model")  # to a byte what the model was read from
    for to in ("model", "new"):
        with pytest.raises(StoreError, match="older than its keyring knows"):
            model.save_pretrained(tmp_path / to)
    assert not (tmp_path / "new").exists()


def test_who_loads_while_another_forgets_gets_what_is_left(saved: PreForgettableClassifier) -> None:
    def forget_elsewhere() -> None:
        assert Forked(lambda: reloaded(saved).forget("bee") and None).wait() == 0

    with before(load_backbone, forget_elsewhere):
        loaded = reloaded(saved)
    assert loaded.labels == ["ant", "cat", "dog"]


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
    with pytest.raises(BackboneError, match=r"other.* is not the backbone .*: model.safetensors differs"):
        PreForgettableClassifier.from_pretrained(place(saved), backbone=str(other), device="cpu")
    shutil.copy(tiny_vit / "model.safetensors", other)
    values = {"image_mean": [0.4, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
    (other / "preprocessor_config.json").write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(BackboneError, match=r"preprocessor_config.json differs"):
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
    theirs = reloaded(PreForgettableClassifier.from_pretrained(tmp_path / "other")).engine_.records()
    ours = ModelFolder.open(place(saved))
    ours.change(add=theirs, erase=list(ours.manifest.records))
    with pytest.raises(StoreError, match="don't fit its engine"):
        reloaded(saved)


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
        lambda: exact.add("emu", *data(6, ["emu"]), subjects=["person 8"] * 6),
        lambda: exact.add_subject(*data(2, ["ant", "emu"]), subjects=["person 9"] * 4),
        lambda: exact.forget_subject("person 9"),
    ]
    for step in steps:
        step()
        back = reloaded(exact)
        assert back.labels == exact.labels
        assert state(back) == state(exact)
        assert columns(back, images) == columns(exact, images)
        assert np.array_equal(back.predict(images), exact.predict(images))
        names = {path.stem for path in (place(exact) / "records").iterdir()}
        assert names == {record.id for record in exact.engine_.records()}
    assert exact.labels == ["ant", "bee", "dog", "emu"]
    with pytest.raises(UnknownLabelError, match="holds nothing of subject 'person 1'"):
        exact.forget_subject("person 1")


def test_pairs_that_a_crash_left_out_are_derived_on_loading_and_can_be_forgotten(
    exact: PreForgettableClassifier, tmp_path: Path
) -> None:
    exact.save_pretrained(tmp_path / "m")
    assert exact.folder is not None
    exact.folder.change(erase=[r.id for r in exact.engine_.records() if r.partner == "dog"])
    back = reloaded(exact)
    assert state(back) == state(exact)
    back.forget("dog")
    assert back.labels == reloaded(back).labels == ["ant", "bee", "cat"]
    assert state(reloaded(back)) == state(back)


# pickles, paths


def test_a_bound_model_pickles_its_path_and_no_record(
    exact: PreForgettableClassifier, tmp_path: Path
) -> None:
    images = data(3, seed=2)[0]
    unbound = pickle.loads(pickle.dumps(exact))
    assert unbound.folder is None
    assert state(unbound) == state(exact)
    exact.save_pretrained(tmp_path / "m", sealed=True, keyring=tmp_path / "keyring")
    exact.forget("ant")
    content = pickle.dumps(exact)
    assert len(content) < 2000
    assert b"bee" not in content
    back = pickle.loads(content)
    assert back.labels == exact.labels
    assert np.array_equal(back.scores(images), exact.scores(images))
    back.forget("bee")
    assert pickle.loads(content).labels == ["cat", "dog"]


def test_each_of_two_folders_lists_the_other_as_a_copy(
    exact: PreForgettableClassifier, tmp_path: Path
) -> None:
    first, second = tmp_path / "m", tmp_path / "a\nb"
    for path in (first, second):
        exact.save_pretrained(path, keyring=tmp_path / "keyring")
    listed = [Manifest.read(path).copies.values() for path in (first, second)]
    assert [[(c["kind"], c["place"]) for c in copies] for copies in listed] == [
        [("export", ascii(str(second)))],
        [("export", str(first))],
    ]
    former = PreForgettableClassifier.from_pretrained(first, keyring=tmp_path / "keyring")
    assert [c["status"] for c in former.forget("ant").copies] == ["out of our control"]


def test_paths_hold_after_a_change_of_the_folder(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    model = make(epochs=1).fit(*data(), checkpoint="c.ckpt", cache_dir="cache", keep_cache=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    model.save_pretrained("m")
    monkeypatch.chdir(tmp_path)
    model.forget("ant")
    assert not (tmp_path / "c.ckpt").exists()
    manifest = Manifest.read(tmp_path / "elsewhere" / "m")
    assert [copy["kind"] for copy in manifest.copies.values()] == ["cache"]
    assert len(manifest.records) == 3 + 1  # and the scores of validation inputs


@pytest.mark.parametrize("length", [243, 244, 255])
def test_names_up_to_the_limit_of_the_file_system(
    model: PreForgettableClassifier, tmp_path: Path, length: int
) -> None:
    model.save_pretrained(tmp_path / ("x" * length))
    assert reloaded(model).labels == CLASSES
