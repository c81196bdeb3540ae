from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from preforget.core.errors import DataError
from preforget.data.images import read_image


def test_heic_is_read(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    made = io.BytesIO()
    picture = Image.new("RGB", (64, 48), (200, 30, 30))
    pillow_heif.from_pillow(picture).save(made, format="HEIF", quality=90)
    for name in ("a.heic", "b.jpg"):  # phones name them so, and messengers rename them
        (tmp_path / name).write_bytes(made.getvalue())
        pixels = read_image(tmp_path / name)
        assert pixels.shape == (48, 64, 3)
        assert np.abs(pixels[20, 20].astype(int) - (200, 30, 30)).max() < 12
    (tmp_path / "c.heic").write_bytes(made.getvalue()[:-200])
    with pytest.raises(DataError, match=r"c\.heic: "):
        read_image(tmp_path / "c.heic")


def test_without_the_library_the_remedy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(50))
    with pytest.raises(DataError, match=r"a\.heic: HEIC .*pip install 'preforget\[heif\]'"):
        read_image(tmp_path / "a.heic")
