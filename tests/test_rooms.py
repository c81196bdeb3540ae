"""Imports point upwards: a room may import from rooms above it, never from one below."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "preforget"
ROOMS = (
    *(
        "core",
        "metrics",
        "pictures",
        "jobs",
        "data",
        "backbones",
        "records",
        "store",
        "training",
        "white_box",
    ),
    *("engines", "erasure", "classifier", "audit.attacks", "audit", "audit.report"),
    *("baselines", "benchmark", "serve", "demo", "cli"),
)
"""From top to bottom. `audit` is what lies in that folder itself; its two inner rooms stand above and below it."""

NO_TORCH = ("core", "data")
HEAVY = ("torch", "transformers", "safetensors")


def imported(source: str, module: str) -> Iterator[tuple[int, str]]:
    """Yield line and full name of everything that a module imports, inside functions too; relative names resolved."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".")[: -node.level]
                base = ".".join([*package, *([base] if base else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (
            "import_module",
            "__import__",
        ):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.lineno, first.value


def room_of(name: str) -> str | None:
    """Return the room of a full name, None for the package itself (its `__init__` only loads late)."""
    parts = name.split(".")
    if parts[0] != "preforget" or len(parts) == 1 or parts[1].startswith("__") or parts[1] in LATE:
        return None
    inner = ".".join(parts[1:3])
    return inner if inner in ROOMS else parts[1]


LATE = {
    *("ABSTAIN", "Client", "PreForgettableClassifier", "PreforgetError", "bench", "certify", "examine"),
    *("load_backbone", "load_data", "verify_receipt"),
}


def wrong_arrows(source: str, module: str) -> list[str]:
    """Return one line for each import in a module that points to a room below its own, or to no room."""
    room = room_of(module)
    if room is None:
        return []
    found = []
    for line, name in imported(source, module):
        target = room_of(name)
        if target is not None and target not in ROOMS:
            found.append(f"{module}:{line} imports {name}: {target} is no room")
        elif target is not None and ROOMS.index(target) > ROOMS.index(room):
            found.append(f"{module}:{line} imports {name}: {target} lies below {room}")
    return found


def modules() -> dict[str, Path]:
    names = {}
    for path in sorted(SRC.rglob("*.py")):
        parts = ["preforget", *path.relative_to(SRC).with_suffix("").parts]
        names[".".join(parts)] = path
    return names


def test_every_module_lies_in_a_room() -> None:
    rooms = {room_of(name) for name in modules()} - {None}
    assert rooms <= set(ROOMS)


def test_no_arrow_points_down() -> None:
    found = [
        line
        for name, path in modules().items()
        for line in wrong_arrows(path.read_text(encoding="utf-8"), name)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("preforget.core.files", "import preforget.data.images"),
        ("preforget.core.files", "from preforget.data import Split"),
        ("preforget.core.files", "from preforget import data"),
        ("preforget.records.bank", "def f():\n    from preforget.engines.base import Engine"),
        ("preforget.records.bank", "from ..engines import base"),
        ("preforget.store.manifest", "from preforget.engines import ENGINES"),
        ("preforget.engines.base", "from preforget.classifier import PreForgettableClassifier"),
        ("preforget.classifier", "import os, preforget.cli.main"),
        ("preforget.data.load", "import importlib\nimportlib.import_module('preforget.backbones')"),
        ("preforget.engines.base", "from preforget.drawer import thing"),
    ],
)
def test_the_checker_finds_a_wrong_arrow(module: str, source: str) -> None:
    assert len(wrong_arrows(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("preforget.cli.learn", "from preforget.classifier import PreForgettableClassifier"),
        ("preforget.engines.base", "import numpy, json\nfrom preforget.core import errors\nfrom . import x"),
        ("preforget.classifier", "from preforget import __version__"),
        ("preforget.__init__", "from preforget.classifier import PreForgettableClassifier"),
    ],
)
def test_the_checker_lets_right_arrows_pass(module: str, source: str) -> None:
    assert wrong_arrows(source, module) == []


def test_core_and_data_name_no_heavy_library() -> None:
    found = [
        f"{module}:{line} imports {name}"
        for module, path in modules().items()
        if room_of(module) in NO_TORCH
        for line, name in imported(path.read_text(encoding="utf-8"), module)
        if name.split(".")[0] in HEAVY
    ]
    assert found == []


def test_core_and_data_load_no_heavy_library() -> None:
    names = [name.removesuffix(".__init__") for name in modules() if room_of(name) in (*NO_TORCH, None)]
    code = (
        f"import importlib, sys\nfor n in {names!r}: importlib.import_module(n)\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Return sets of modules that import each other in a circle, the shortest way round not told (Tarjan, 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in sorted(arrows.get(name, ())):
            if target not in index:
                visit(target)
            if target in stack:
                low[name] = min(low[name], low[target])
        if low[name] == index[name]:
            ring = [stack.pop()]
            while ring[-1] != name:
                ring.append(stack.pop())
            if len(ring) > 1:
                found.append(sorted(ring))

    for name in sorted(arrows):
        if name not in index:
            visit(name)
    return found


def arrows_between(sources: dict[str, str]) -> dict[str, set[str]]:
    """Return which modules each module imports, for type checking and inside functions too; packages left out."""
    found: dict[str, set[str]] = {}
    for name, source in sources.items():
        targets = {t for _, full in imported(source, name) for t in (full, full.rpartition(".")[0])}
        found[name] = {t for t in targets if t in sources and t != name}
    return found


def test_no_circle_of_files() -> None:
    sources = {n: p.read_text(encoding="utf-8") for n, p in modules().items() if not n.endswith("__init__")}
    assert circles(arrows_between(sources)) == []


def test_the_checker_finds_a_circle() -> None:
    sources = {
        "preforget.a": "from preforget.b import x",
        "preforget.b": "def f():\n    import preforget.c",
        "preforget.c": "from preforget import a",
        "preforget.d": "from preforget.a import y",
    }
    assert circles(arrows_between(sources)) == [["preforget.a", "preforget.b", "preforget.c"]]


def test_every_module_has_a_test_file_of_its_name() -> None:
    tests = Path(__file__).parent
    missing = []
    for path in sorted(SRC.rglob("*.py")):
        place = path.relative_to(SRC)
        if not place.name.startswith("__") and not (tests / place.parent / f"test_{place.name}").is_file():
            missing.append(place.as_posix())
    assert missing == []
