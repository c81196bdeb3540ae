from __future__ import annotations

import pytest

from preforget.core import errors


@pytest.mark.parametrize(
    ("kind", "builtin", "code"),
    [
        (errors.UsageError, ValueError, 2),
        (errors.DataError, ValueError, 1),
        (errors.BackboneError, ValueError, 1),
        (errors.StoreError, OSError, 1),
        (errors.UnknownLabelError, LookupError, 5),
        (errors.NotFittedError, RuntimeError, 1),
    ],
)
def test_each_error_is_also_the_builtin_one_and_has_its_exit_code(
    kind: type[errors.PreforgetError], builtin: type[Exception], code: int
) -> None:
    error = kind("what was wrong")
    assert isinstance(error, errors.PreforgetError)
    assert isinstance(error, builtin)
    assert error.exit_code == code
    assert str(error) == "what was wrong"
