"""The README is short, and its Python lines run as they stand, on fewer digits and a quicker engine."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import preforget as pf

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_readme_has_at_most_500_words() -> None:
    assert len(README.split()) <= 500  # code and tables included, as `wc -w` counts


def few_digits(path: Path) -> Path:
    """Write twenty images each of three digits as a MedMNIST file."""
    images, labels = load_digits(return_X_y=True)
    arrays: dict[str, np.ndarray] = {}
    for part, start in (("train", 0), ("val", 8), ("test", 14)):
        chosen = np.concatenate([np.flatnonzero(labels == digit)[start : start + 6] for digit in (1, 2, 3)])
        arrays[f"{part}_images"] = (images[chosen].reshape(-1, 8, 8) * 15).astype(np.uint8)
        arrays[f"{part}_labels"] = labels[chosen, None]
    np.savez(path, **arrays)
    return path


def test_python_in_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, re.S)
    source = repr(str(few_digits(tmp_path / "few.npz")))
    quick = block.replace('"digits"', source).replace("(seed=0)", '(engine="exact", image_size=16, seed=0)')
    assert quick.count(source) == quick.count("image_size") == 1
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(quick, names)
    model = names["model"]
    assert isinstance(model, pf.PreForgettableClassifier)
    assert {str(label) for label in model.classes_} == {"1", "2"}
    assert (tmp_path / "model" / "preforget.json").is_file()
