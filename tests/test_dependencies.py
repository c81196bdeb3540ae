"""Every library that the package imports is declared in pyproject.toml, and each that is declared is imported."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = ("heif", "medical", "oidc", "otel", "plot", "ray", "serve", "tables")
"""Extras whose libraries the package imports where they are installed."""


FOR_OTHERS = {"datasets", "pandas", "python-multipart"}
"""Libraries that only others import: FastAPI reads forms with one, and users make their tables with the other two."""


def normalised(name: str) -> str:
    """Return the name of a distribution as PEP 503 compares it, without its version."""
    return re.sub(r"[-_.]+", "-", re.split(r"[ <>=!~;\[]", name)[0]).lower()


def declared() -> set[str]:
    extras = [name for extra in EXTRAS for name in PROJECT["optional-dependencies"][extra]]
    return {normalised(name) for name in [*PROJECT["dependencies"], *extras]}


def imported(folder: Path) -> dict[str, str]:
    """Return the top names of other libraries that are imported, inside functions too, each with a file."""
    names: dict[str, str] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level and node.module:
                modules = [node.module]
            for module in modules:
                names.setdefault(module.split(".")[0], str(path.relative_to(ROOT)))
    return {n: p for n, p in names.items() if n != "preforget" and n not in sys.stdlib_module_names}


def test_what_is_imported_is_declared() -> None:
    owners = metadata.packages_distributions()
    undeclared = {
        name: path
        for name, path in imported(ROOT / "src").items()
        if not {normalised(owner) for owner in owners.get(name, [name])} & declared()
    }
    assert undeclared == {}


def test_what_is_declared_is_imported() -> None:
    owners = metadata.packages_distributions()
    used = {normalised(owner) for name in imported(ROOT / "src") for owner in owners.get(name, [name])}
    assert declared() - used - FOR_OTHERS == set()
