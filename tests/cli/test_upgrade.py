"""`upgrade` brings a folder of format 2 to format 3 and says what it lacks; `refit` gives it that from the data."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preforget.classifier import PreForgettableClassifier

from .conftest import Terminal
from .person import OLD, at_a_terminal

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "format2"
BACKBONE = str(GOLDEN / "backbone")


def pictures(seed: int) -> Any:
    """Return the data that golden folders were learned from, by the script that wrote them."""
    spec = importlib.util.spec_from_file_location("golden_folders", ROOT / "scripts" / "golden_folders.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "scripts")  # it imports the script beside it
        patch.delitem(sys.modules, "random_vit", raising=False)
        spec.loader.exec_module(script)
        sys.modules.pop("random_vit", None)
    return script.pictures(seed, several=False, subjects=True)


def copied(name: str, to: Path) -> Path:
    """Copy a golden folder; git keeps no modes, and a keyring that others may read is refused."""
    place = Path(shutil.copytree(GOLDEN / name, to))
    for path in (place / "keyring").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return place


@pytest.mark.parametrize("kind", ["plain", "sealed"])
def test_an_upgraded_model_becomes_by_a_refit_what_is_learned_today(
    kind: str, tmp_path: Path, terminal: Terminal
) -> None:
    place = copied(f"exact-{kind}", tmp_path / "golden")
    model, keyring = place / "model", place / "keyring"
    assert "upgrade and refit DATA: confidence follows" in terminal("info", model, "--keyring", keyring).out
    done = terminal("upgrade", model, "--keyring", keyring, "--json")
    assert (done.json["before"], done.json["format"], len(done.json["lacks"])) == (2, 3, 1)
    assert "nothing changed" in terminal("upgrade", model, "--keyring", keyring).out
    loaded = PreForgettableClassifier.from_pretrained(model, backbone=BACKBONE, device="cpu", keyring=keyring)
    assert (loaded.engine_.config.ridge, loaded.engine_.config.energy_depth) == (40.0, 0)
    train, validation = pictures(0), pictures(1)
    loaded.refit(train, validation=validation)
    assert terminal("info", model, "--keyring", keyring, "--json").json["lacks"] == []
    again = PreForgettableClassifier.from_pretrained(model, backbone=BACKBONE, device="cpu", keyring=keyring)
    fresh = PreForgettableClassifier(BACKBONE, "exact", 16, 0, device="cpu", dtype="float32", levels=1)
    fresh.fit(train.without("dog"), validation=validation.without("dog"))
    inputs = np.asarray(pictures(2).inputs)
    for one in (loaded, again):
        assert [r.digest() for r in one.engine_.records()] == [r.digest() for r in fresh.engine_.records()]
        for a, b in zip(one.engine_.evaluate(inputs), fresh.engine_.evaluate(inputs), strict=True):
            assert a.tobytes() == b.tobytes()
    again.forget("bee")
    assert again.labels == ["ant", "cat"]


def test_the_passphrase_of_the_keyring_is_asked_for_once(
    tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = copied("isolated-sealed", tmp_path / "golden")
    keyring = ("--keyring", place / "keyring")
    monkeypatch.setenv("PREFORGET_NEW_PASSPHRASE", "correct horse")
    assert terminal("keys", "passphrase", "--short-passphrase", *keyring).code == 0
    code, shown = at_a_terminal("upgrade", place / "model", *keyring, answers=[(OLD, "wrong horse\n")])
    assert code == 3
    assert "the passphrase is wrong or the file was changed" in shown
    assert not (place / "model.format2").exists()
    code, shown = at_a_terminal("upgrade", place / "model", *keyring, answers=[(OLD, "correct horse\n")])
    assert code == 0, shown
    assert "format 2 -> 3" in shown
    assert shown.count(OLD) == 1
    typed = [(OLD, "correct horse\n"), ("Type yes to forget: ", "yes\n")]
    code, shown = at_a_terminal("forget", place / "model", "bee", *keyring, answers=typed)
    assert code == 0, shown
    assert shown.count(OLD) == 1
