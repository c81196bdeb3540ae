from __future__ import annotations

import doctest
import importlib
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import preforget as pf

from .forked import program

ROOT = Path(__file__).parents[1]
MODULES = [
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
    for path in sorted((ROOT / "src" / "preforget").rglob("*.py"))
    if not path.name.startswith("__") and ">>>" in path.read_text(encoding="utf-8")
]
"""Those with examples in their docstrings."""


def test_every_public_name_is_there() -> None:
    assert {name: getattr(pf, name) is not None for name in pf.__all__} == dict.fromkeys(pf.__all__, True)
    assert "PreForgettableClassifier" in pf.__all__


def test_dir_shows_the_public_names_and_nothing_else() -> None:
    names = {name for name in dir(pf) if not (name.startswith("__") and name.endswith("__"))}
    assert names == set(pf.__all__) - {"__version__"}
    assert "__version__" in dir(pf)


@pytest.mark.parametrize(
    "lines",
    [
        "from preforget.audit.run import audit; import preforget as pf",
        "import preforget as pf; audit = pf.audit; import preforget.audit.report.page",
        "import preforget.audit.run as run; audit = run.audit; import preforget; pf = preforget",
    ],
)
def test_audit_is_the_function_in_whatever_order_things_are_imported(lines: str) -> None:
    code = (
        f"import warnings; warnings.simplefilter('error', ImportWarning); {lines}; import preforget.audit.run, pickle;"
        "print(pf.audit is audit is preforget.audit.run.audit is pickle.loads(pickle.dumps(audit)), type(audit))"
    )
    assert program(code) == "True <class 'function'>"


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
def test_examples_in_docstrings(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner()
    for example in doctest.DocTestFinder().find(importlib.import_module(module)):
        if example.examples and module.startswith("preforget.classifier"):
            example.globs |= model_of_the_examples()
        runner.run(example)
    assert runner.summarize(verbose=False).failed == 0


def model_of_the_examples() -> dict[str, Any]:
    """Return what the example of the classifier makes first, on which those of its methods build."""
    X = np.random.default_rng(0).normal(size=(60, 4)) + np.repeat([[0.0], [4.0], [8.0]], 20, axis=0)
    y = np.repeat(["Ada", "Grace", "Mary"], 20)
    model = pf.PreForgettableClassifier("features", "exact").fit(X, y)
    return {"np": np, "X": X, "y": y, "model": model, "PreForgettableClassifier": pf.PreForgettableClassifier}
