"""The model folders that earlier versions wrote, and copies of them that a test may change."""

from __future__ import annotations

import shutil
from pathlib import Path

GOLDEN = Path(__file__).parent
FORMAT_2 = GOLDEN / "format2"
FORMAT_3 = GOLDEN / "format3"


def copied(golden: Path, to: Path) -> Path:
    """Copy a golden folder; git keeps no modes, and a keyring that others may read is refused."""
    place = Path(shutil.copytree(golden, to))
    for path in (place / "keyring").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return place
