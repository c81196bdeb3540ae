"""Options of engines: each field says what it does, and numbers of numpy are numbers."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from preforget.core.errors import UsageError
from preforget.engines import ENGINES, EngineOptions, Isolated, choices


@pytest.mark.parametrize("engine", choices())
def test_every_field_says_what_it_does(engine: str) -> None:
    for field in fields(ENGINES[engine].options_type):
        assert 10 < len(field.metadata["help"]) < 100, field.name
        assert not field.metadata["help"].endswith(".")
        assert field.metadata["value"].isupper() or field.default is False


@pytest.mark.parametrize("engine", ["isolated", "exact", "paper"])
def test_the_docstring_explains_every_field(engine: str) -> None:
    options = ENGINES[engine].options_type
    args = str(inspect.getdoc(options)).partition("Args:")[2].partition("Raises:")[0]
    explained = re.findall(r"^ {4}(\w+): ", args, re.MULTILINE)
    assert sorted(explained) == sorted(field.name for field in fields(options))


def test_an_unknown_option_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"unknown option 'epoch'; there are: .*epochs"):
        Isolated.from_options({"epoch": 3})


def test_options_there_and_back() -> None:
    config = Isolated.from_options({"epochs": 3, "seed": 7})
    assert Isolated.from_options(config.as_dict()) == config


@pytest.mark.parametrize("value", [1, 10**6])
def test_whole_numbers_from_the_lowest_on(value: int) -> None:
    assert Isolated(epochs=value).epochs == value


@pytest.mark.parametrize("seed", [-1, 1.0, "0", None, True, np.bool_(True), np.int64(-3)])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    with pytest.raises(UsageError, match="seed must be a whole number of at least 0"):
        EngineOptions.from_options({"seed": seed})


def test_a_seed_of_numpy_becomes_a_number_of_python() -> None:
    assert type(EngineOptions.from_options({"seed": np.int64(3)}).seed) is int


def test_a_learning_rate_and_a_first_block_are_checked() -> None:
    with pytest.raises(UsageError, match="learning_rate must be a number above 0 and below 10, got 0"):
        Isolated(learning_rate=0)
