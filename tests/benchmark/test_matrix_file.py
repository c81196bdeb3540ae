from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from preforget.benchmark.matrix_file import matrix_of, read_matrix
from preforget.core.errors import UsageError

LEAST: dict[str, Any] = {"data": ["digits"], "methods": ["retrain"]}


def test_the_least_and_its_defaults(tmp_path: Path) -> None:
    place = tmp_path / "mine.toml"
    place.write_text('data = ["digits"]\nmethods = ["retrain"]\n')
    found = read_matrix(place)
    assert (found.name, found.k, found.seeds, found.trials) == ("mine", (1,), (0,), 4)
    assert found.data[0].backbone == "builtin"


def test_a_whole_one() -> None:
    found = matrix_of(
        {
            **LEAST,
            "engines": [{"name": "pairs", "engine": "exact", "options": {"levels": 2}}, "paper"],
            "methods": [{"name": "scrub", "search": {"epochs": [1, 2]}}],
            "k": [1, "half", "all but one"],
            "sets": "all",
        },
        "m.toml",
        "m",
    )
    assert [one.engine for one in found.engines] == ["exact", "paper"]
    assert found.methods[0].search == {"epochs": (1, 2)}
    assert found.sets == "all"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metods": []}, "m.toml: unknown key 'metods'"),
        ({"data": []}, "nothing to compare"),
        ({"methods": []}, "nothing to compare"),
        ({"methods": ["scrubb"]}, "scrubb"),
        ({"methods": ["retrain", "retrain"]}, "methods names 'retrain' twice"),
        ({"methods": [{"name": "scrub", "search": {"epochs": 3}}]}, "search of epochs must be a list"),
        ({"methods": [{"name": "scrub", "options": {"epochs": 0}}]}, "m.toml: methods 1: epochs"),
        ({"engines": ["exactly"]}, "exactly"),
        ({"engines": [{"name": "scrub", "engine": "exact"}]}, "can't be called 'scrub'"),
        ({"engines": [{"name": "exact", "options": {"seed": 1}}]}, "have a seed of 1"),
        ({"engines": [{"name": "exact", "options": {"levels": "x"}}]}, "m.toml: engines 1: "),
        ({"engines": [{"name": "a b", "engine": "exact"}]}, "the name 'a b'"),
        ({"k": [0]}, "k has the unknown value 0"),
        ({"k": []}, "k is empty"),
        ({"seeds": [1, 1]}, "seeds has 1 twice"),
        ({"sets": 0}, "sets must be a number from 1, or 'all', got 0"),
        ({"trials": 0}, "trials must be at least 1, got 0"),
        ({"measures": ["speed"]}, "measures has the unknown value 'speed'"),
        ({"lora": {"seed": 1}}, "lora has a seed of 1"),
        ({"lora": {"epochs": 0}}, "epochs must be a whole number of at least 1"),
        ({"data": [{"path": "x"}]}, "m.toml: data 1: name is missing"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as error:
        matrix_of({**LEAST, **changes}, "m.toml", "m")
    assert said in str(error.value)
    assert str(error.value).startswith("m.toml")


def test_no_file_and_no_toml(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read: No such file"):
        read_matrix(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff = [")
    with pytest.raises(UsageError, match="is not valid TOML"):
        read_matrix(tmp_path / "bad.toml")
