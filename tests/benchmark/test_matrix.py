from __future__ import annotations

import pytest

from preforget.benchmark.matrix import DataEntry, EngineEntry, Matrix, MethodEntry, overridden
from preforget.core.errors import UsageError

DATA = (DataEntry("blood"), DataEntry("noise", sound=True, backbone="ear"), DataEntry("skin", image_size=32))
MATRIX = Matrix("m", DATA, (EngineEntry("ours", "exact"),), (MethodEntry("scrub"),))


def test_what_a_command_line_changes() -> None:
    new = overridden(MATRIX, data={"blood": "there"}, backbone=["vit", "skin=other"], image_size=64, seeds=2)
    assert [one.path for one in new.data] == ["there", None, None]
    assert [one.backbone for one in new.data] == ["vit", "ear", "other"]
    assert [one.image_size for one in new.data] == [64, None, 64]
    assert new.seeds == (0, 1)
    assert overridden(MATRIX) == MATRIX


def test_entries_by_name() -> None:
    engine = MATRIX.engine("ours")
    assert engine is not None
    assert engine.engine == "exact"
    assert MATRIX.engine("scrub") is None
    assert MATRIX.method("scrub").name == "scrub"


def test_bad_names_and_numbers() -> None:
    with pytest.raises(UsageError, match="no data set 'bones'; it has: blood, noise, skin"):
        overridden(MATRIX, data={"bones": "x"})
    with pytest.raises(UsageError, match="seeds must be a whole number of at least 1, got 0"):
        overridden(MATRIX, seeds=0)
