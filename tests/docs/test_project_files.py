"""What CONTRIBUTING, CHANGELOG and CITATION.cff say is so."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path

import yaml

import preforget
from preforget.engines import ENGINES

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.py")]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rooms() -> tuple[str, ...]:
    """Return the rooms of the package in their order."""
    spec = importlib.util.spec_from_file_location("test_rooms", ROOT / "tests" / "test_rooms.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    names: tuple[str, ...] = module.ROOMS
    return names


def test_contributing_and_architecture_name_all_rooms_in_order() -> None:
    assert ", ".join(rooms()) in " ".join(read("CONTRIBUTING.md").split())
    table = read("docs/architecture.md").split("## ")[1]
    assert tuple(re.findall(r"^\| `([\w.]+)` \|", table, re.M)) == rooms()


def test_the_changelog_keeps_its_form() -> None:
    text = read("CHANGELOG.md")
    assert re.findall(r"^## \[(.+?)\]", text, re.M)[0] == "Unreleased"
    assert re.search(rf"^## \[{re.escape(preforget.__version__)}\]", text, re.M)
    for release in re.split(r"^## ", text, flags=re.M)[1:]:
        kinds = re.findall(r"^### (\w+)$", release, re.M)
        order = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
        assert kinds == [kind for kind in order if kind in kinds]


def test_the_citation_names_this_version() -> None:
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["version"] == preforget.__version__
    assert citation["license"] == tomllib.loads(read("pyproject.toml"))["project"]["license"]
    assert citation["references"][0]["url"].endswith("2509.15230")


def test_nothing_cites_what_is_not_in_the_repository() -> None:
    wrong = re.compile(r"EVALUATION\.md|DESIGN\.md|1805\.08306")
    assert [page for page in PAGES if wrong.search(page.read_text(encoding="utf-8"))] == []


def test_the_page_about_erasure_quotes_the_sentences_of_receipts() -> None:
    ours = [engine for _, engine in ENGINES.items() if engine.__module__.startswith("preforget.")]
    page = read("docs/erasure.md")
    assert [engine.name for engine in ours if engine.meaning not in page] == []
