"""The sizes of the rooms are counted right, and a limit that is broken is named."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def house() -> ModuleType:
    spec = importlib.util.spec_from_file_location("house", ROOT / "scripts/house.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_sizes_by_hand(house: ModuleType) -> None:
    sources = {
        "preforget.core.a": "1\n2\n",
        "preforget.core.b": "1\n2\n3\n4\n",
        "preforget.audit.run": "1\n",
        "preforget.audit.attacks.lira": "1\n2\n3\n",
        "preforget.__init__": "1\n",
    }
    lines = house.sizes(sources, house.checker())
    assert lines == {"core": [2, 4], "audit.attacks": [3], "audit": [1]}
    assert house.table(lines).split("\n")[2:] == [
        "| `core` | 6 | 60.0 % | 2 | 3 | 4 |",
        "| `audit.attacks` | 3 | 30.0 % | 1 | 3 | 3 |",
        "| `audit` | 1 | 10.0 % | 1 | 1 | 1 |",
        "| all | 10 | 100 % | 4 | 2 | 4 |",
    ]


def test_broken_limits_are_named(house: ModuleType) -> None:
    small = {name: [100] for name in "abcdefgh"}
    assert house.broken(small, []) == []
    faults = house.broken({**small, "i": [401]}, [["x", "y"]])
    assert [fault.split()[0] for fault in faults] == ["files", "the", "i"]


def test_the_house_keeps_its_limits(house: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    code = house.main([])
    assert code == 0, capsys.readouterr().out
