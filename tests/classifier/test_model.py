from __future__ import annotations

import subprocess
import sys

import preforget as pf
from preforget.classifier.model import Model


def test_the_public_class_is_a_model_and_one_of_scikit_learn() -> None:
    from sklearn.base import BaseEstimator, ClassifierMixin

    assert issubclass(pf.PreForgettableClassifier, Model)
    assert issubclass(pf.PreForgettableClassifier, BaseEstimator)
    assert issubclass(pf.PreForgettableClassifier, ClassifierMixin)
    assert repr(Model("features", "exact")) == "<PreForgettableClassifier exact on features: 0 classes>"


def test_answering_needs_no_scikit_learn() -> None:
    code = "import sys, preforget.classifier.model, preforget.cli.predict; print('sklearn' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=200
    )
    assert ran.stdout == "False\n"
