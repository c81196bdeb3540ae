from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from preforget.backbones import Encoder
from preforget.classifier.making import (
    check_answering,
    check_options,
    make_encoder,
    make_engine,
    option_names,
)
from preforget.core.errors import UsageError
from preforget.engines import ENGINES, Exact, Isolated
from preforget.engines.isolated import IsolatedEngine


def test_an_engine_by_name_and_by_options_is_the_same(tiny_encoder: Encoder) -> None:
    named = make_engine(tiny_encoder, "isolated", np.int64(3), {"epochs": np.int64(2)})
    given = make_engine(tiny_encoder, Isolated(epochs=2), 3, {})
    assert isinstance(named, IsolatedEngine)
    assert type(given) is type(named)
    assert given.config == named.config == Isolated(epochs=2, seed=3, first_block=0)
    assert make_engine(tiny_encoder, Isolated(seed=5), 0, {}).config.seed == 5


@pytest.mark.parametrize(
    ("engine", "seed", "options", "message"),
    [
        ("magic", 0, {}, "unknown engine 'magic'; choose one of: exact, isolated"),
        (None, 0, {}, "unknown engine None"),
        ("isolated", 0, {"epoch": 3}, "unknown option 'epoch'"),
        (Isolated(), 0, {"epochs": 3}, "give it to Isolated"),
        (Isolated(seed=2), 3, {}, "two seeds were given, 3 and the engine's 2"),
    ],
)
def test_engines_that_can_not_be_made(
    tiny_encoder: Encoder, engine: Any, seed: int, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        make_engine(tiny_encoder, engine, seed, options)


def test_an_encoder_that_is_loaded_already(tiny_encoder: Encoder) -> None:
    assert make_encoder(tiny_encoder, None, "auto", "auto", None) is tiny_encoder
    assert make_encoder(tiny_encoder, np.int64(32), "auto", "auto", None) is tiny_encoder
    with pytest.raises(UsageError, match="image_size is 16, but the encoder given as backbone"):
        make_encoder(tiny_encoder, 16, "auto", "auto", None)


def test_options_of_engines() -> None:
    assert set(option_names("exact")) == set(option_names(Exact())) > {"shrinkage"}
    assert "seed" not in option_names("exact")
    assert option_names("magic") == []


def test_numbers_of_numpy_are_numbers() -> None:
    check_answering(np.float32(0.9), "best", np.int32(4))
    for wrong in ({"keep": np.float32(1)}, {"on_unknown": "guess"}, {"shortlist": -1}):
        with pytest.raises(UsageError):
            check_answering(**{"keep": 0.9, "on_unknown": None, "shortlist": 0, **wrong})


def test_an_option_of_another_engine_is_named() -> None:
    check_options(ENGINES["isolated"], {"epochs": 3})
    with pytest.raises(
        UsageError, match=r"unknown option 'epochs'.*an option of isolated and paper, .* is exact"
    ):
        check_options(ENGINES["exact"], {"epochs": 3})
