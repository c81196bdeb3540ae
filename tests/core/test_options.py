"""Options are checked when they are made."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pytest

from preforget.core.errors import UsageError
from preforget.core.options import Options, is_whole, option


@dataclass(frozen=True)
class Some(Options):
    steps: int = 3
    rate: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_whole(steps=1)
        self.check_numbers(rate=(0, 1))


def test_numbers_of_numpy_become_python_s() -> None:
    some = Some.from_options({"steps": np.int64(2), "rate": np.float32(0.25)})
    assert some == Some(2, 0.25)
    assert {type(value) for value in some.as_dict().values()} == {int, float}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step": 1}, "unknown option 'step'; there are: rate, steps"),
        ({"steps": 0}, "steps must be a whole number of at least 1, got 0"),
        ({"steps": True}, "steps must be a whole number of at least 1, got True"),
        ({"steps": 2.0}, "got 2.0"),
        ({"rate": 2}, "rate must be a number from 0 to 1, got 2"),
        ({"rate": "a"}, "got 'a'"),
    ],
)
def test_bad_ones_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Some.from_options(options)


def test_no_options_at_all() -> None:
    with pytest.raises(UsageError, match="unknown option 'x'; there are none"):
        Options.from_options({"x": 1})


def test_what_is_whole() -> None:
    assert [is_whole(v) for v in (1, np.uint8(1), True, np.bool_(1), 1.0, "1")] == [True, True, *[False] * 4]


def test_a_field_that_says_what_it_does() -> None:
    @dataclass(frozen=True)
    class Mine(Options):
        depth: int = option(3, "how deep", "DEPTH")

    assert Mine().depth == 3
    assert dict(fields(Mine)[0].metadata) == {"help": "how deep", "value": "DEPTH", "aliases": ()}
