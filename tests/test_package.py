from __future__ import annotations

import doctest
import importlib
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

import preforget as pf

ROOT = Path(__file__).parents[1]
MODULES = [
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
    for path in sorted((ROOT / "src" / "preforget").rglob("*.py"))
    if not path.name.startswith("__")
]


def test_every_public_name_is_there() -> None:
    assert {name: getattr(pf, name) is not None for name in pf.__all__} == dict.fromkeys(pf.__all__, True)
    assert "PreForgettableClassifier" in pf.__all__


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'preforget' has no attribute 'Forgettable'"):
        pf.Forgettable  # noqa: B018


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, preforget; preforget.ABSTAIN;"
        "print([m for m in ('torch', 'transformers', 'sklearn', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_types_are_announced() -> None:
    assert files("preforget").joinpath("py.typed").is_file()


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module)).failed == 0
