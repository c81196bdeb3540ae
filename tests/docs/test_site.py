"""The site's settings turn a link that leads nowhere into an error, and outer links are listed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("furo", reason="the extra `docs` is not installed")
pytest.importorskip("myst_parser", reason="the extra `docs` is not installed")

DOCS = Path(__file__).parents[2] / "docs"


def build(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "index.md").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "dummy", "-c", str(DOCS)]
    return subprocess.run(
        [*command, str(folder), str(folder / "_build" / "out")], capture_output=True, text=True
    )


def test_a_broken_link_or_anchor_fails(tmp_path: Path) -> None:
    done = build(tmp_path, "# A\n\n[one](nowhere.md) [two](#no-such-heading)\n")
    assert done.returncode != 0
    assert "nowhere" in done.stderr
    assert "no-such-heading" in done.stderr


def test_a_sound_page_passes_and_its_outer_link_is_listed(tmp_path: Path) -> None:
    done = build(tmp_path, "# A\n\n[inner](#a) [outer](https://example.org/page)\n")
    assert (done.returncode, done.stderr) == (0, "")
    listed = (tmp_path / "_build" / "outer-links.txt").read_text(encoding="utf-8")
    assert listed == "https://example.org/page\tindex\n"
