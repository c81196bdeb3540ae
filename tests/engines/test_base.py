from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preforget.core.errors import UsageError
from preforget.engines.base import EngineConfig, Session
from preforget.engines.isolated import IsolatedConfig

# options


def test_an_unknown_option_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"unknown option 'epoch'; there are: .*epochs"):
        IsolatedConfig.from_options({"epoch": 3})


def test_options_there_and_back() -> None:
    config = IsolatedConfig.from_options({"epochs": 3, "seed": 7})
    assert IsolatedConfig.from_options(config.as_dict()) == config


@pytest.mark.parametrize("value", [1, 10**6])
def test_whole_numbers_from_the_lowest_on(value: int) -> None:
    IsolatedConfig(epochs=value)


@pytest.mark.parametrize("seed", [-1, 1.0, "0", None, True, np.bool_(True), np.int64(-3)])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    with pytest.raises(UsageError, match="seed must be a whole number of at least 0"):
        EngineConfig.from_options({"seed": seed})


def test_a_seed_of_numpy_becomes_a_number_of_python() -> None:
    assert type(EngineConfig.from_options({"seed": np.int64(3)}).seed) is int


def test_a_session_from_what_a_user_gives(tmp_path: Path) -> None:
    session = Session.of(str(tmp_path), True, None, False)
    assert (session.cache_dir, session.checkpoint) == (tmp_path, None)
    with pytest.raises(UsageError, match="keep_cache needs cache_dir"):
        Session.of(None, True, None, False)
