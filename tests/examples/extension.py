"""Install a file of examples/extensions the way a package is installed, and run programs and commands beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..forked import program

EXTENSIONS = Path(__file__).parents[2] / "examples" / "extensions"


def install(site: Path, name: str, *, group: str | None) -> Path:
    """Copy `name.py` as it stands into a folder for PYTHONPATH, with an entry point of `group` unless it is None."""
    site.mkdir(parents=True, exist_ok=True)
    shutil.copy(EXTENSIONS / f"{name}.py", site)
    if group is not None:
        info = site / f"{name}_package-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-package\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {name}\n")
    return site


def in_new_process(site: Path, code: str) -> str:
    """Run Python code in a process that can import what lies in `site`, and return what it prints."""
    return program(code, paths=[site])


def preforget(site: Path, *arguments: str | Path) -> str:
    """Run a command of `preforget` in a process of its own and return its standard output."""
    code = "import sys; from preforget.cli.main import main; sys.exit(main())"
    return program(code, *arguments, paths=[site])
