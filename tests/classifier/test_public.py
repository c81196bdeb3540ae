from __future__ import annotations

from typing import Any

import pytest

from preforget.core.errors import (
    UsageError,
)

from .tiny import Make, data


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
        make(**options).fit(*data())
