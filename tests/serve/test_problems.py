from __future__ import annotations

import pytest

from preforget.core.errors import (
    BackboneError,
    DataError,
    MissingError,
    StoreError,
    UnknownLabelError,
    UsageError,
)
from preforget.serve.problems import Problem, problem_of


def test_a_problem_has_the_members_of_rfc_9457() -> None:
    assert Problem(404, "no such model").as_dict() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "no such model",
    }


@pytest.mark.parametrize("kind", [UnknownLabelError, UsageError, StoreError, MissingError, BackboneError])
def test_texts_that_can_hold_a_name_are_not_told(kind: type[Exception]) -> None:
    assert "Ada" not in problem_of(kind("no class 'Eda', did you mean: Ada")).detail  # type: ignore[arg-type]


def test_what_is_wrong_with_inputs_is_told() -> None:
    assert problem_of(DataError("X has 3 features")).status == 422
    assert "X has 3 features" in problem_of(DataError("X has 3 features")).detail
