from __future__ import annotations

from pathlib import Path

import pytest

from preforget.core.errors import DataError
from preforget.data import content
from preforget.data.content import read_content


def test_the_bytes_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_content(path) == b"12345"
    monkeypatch.setattr(content, "MAX_BYTES", 4)
    with pytest.raises(DataError, match="larger than"):
        read_content(path)
    with pytest.raises(DataError, match="can't be opened: Is a directory"):
        read_content(tmp_path)
