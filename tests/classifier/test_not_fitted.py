from __future__ import annotations

import pytest
from sklearn.exceptions import NotFittedError as SklearnNotFittedError

import preforget as pf
from preforget.classifier.model import Model
from preforget.classifier.not_fitted import ClassifierNotFittedError
from preforget.core.errors import NotFittedError


@pytest.mark.parametrize("kind", [Model, pf.PreForgettableClassifier])
def test_what_was_never_learned_is_scikit_learns_error_too(kind: type[Model]) -> None:
    with pytest.raises(ClassifierNotFittedError, match=r"call fit\(\) first") as caught:
        _ = kind("features", "exact").engine_
    assert isinstance(caught.value, NotFittedError)
    assert isinstance(caught.value, SklearnNotFittedError)
