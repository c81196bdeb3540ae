"""Links between pages, in the README too, lead somewhere, and every `preforget` command line is one that works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from preforget.cli.main import build_parser

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(p for p in (ROOT / "docs").rglob("*.md") if "_build" not in p.parts)])
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]

FENCE = re.compile(r"^( *)(```+|:::+)[^\n]*\n(.*?)^\1\2 *$", re.S | re.M)
INDENTED = re.compile(r"(?:(?<=\n\n)|\A)(?: {4}[^\n]*\n|\n(?= {4}))+")


def prose(text: str) -> str:
    """Return a page without its code blocks."""
    return INDENTED.sub("\n", FENCE.sub("\n", text))


def code(text: str) -> list[str]:
    """Return the code blocks of a page, indented ones without their indentation."""
    fenced = [match.group(3) for match in FENCE.finditer(text)]
    indented = [re.sub("^ {4}", "", block, flags=re.M) for block in INDENTED.findall(FENCE.sub("\n", text))]
    return fenced + indented


LINK = re.compile(r"\]\(([^)\s]+)\)")
INCLUDE = re.compile(r"```\{include\} (\S+)")


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MyST form them."""
    text = path.read_text(encoding="utf-8")
    for inner in INCLUDE.findall(text):
        text += (path.parent / inner).read_text(encoding="utf-8")
    titles = re.findall(r"^#{1,6} (.+?) *$", prose(text), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken(page: Path) -> list[str]:
    """Return the links of a page that lead nowhere."""
    lost = []
    for target in LINK.findall(prose(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            lost.append(target)
    return lost


@pytest.mark.parametrize("name", NAMES)
def test_inner_links_lead_somewhere(name: str) -> None:
    assert broken(ROOT / name) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# Two words\n", encoding="utf-8")
    page = tmp_path / "a.md"
    page.write_text(
        "# A\n\n[1](b.md#two-words) [2](b.md#three) [3](c.md) [4](#a) [5](#b) [6](https://x)\n\n    [7](d.md)\n",
        encoding="utf-8",
    )
    assert broken(page) == ["b.md#three", "c.md", "#b"]


PLACEHOLDERS = {"ENGINE OPTIONS": "exact", "ATTACKS": "lira", "COMMAND": "demo"}


def command_lines(text: str) -> list[str]:
    """Return the `preforget` commands in a page's code blocks, comments removed and placeholders filled."""
    lines = []
    for block in code(text):
        for line in re.sub(r"\\\n", " ", block).split("\n"):
            for part in re.split(r" +; +| +&& +", re.sub(r"(^| )#.*", "", line)):
                if part.startswith("preforget ") and "..." not in part:
                    for placeholder, value in PLACEHOLDERS.items():
                        part = part.replace(placeholder, value)
                    lines.append(part.strip())
    return lines


LINES = sorted({line for name in NAMES for line in command_lines((ROOT / name).read_text(encoding="utf-8"))})


@pytest.mark.parametrize("line", LINES)
def test_the_program_takes_it(line: str) -> None:
    if line.endswith(("--help", "--version")):
        return
    args = build_parser().parse_args(shlex.split(line)[1:])
    assert callable(args.run)


def test_enough_commands_are_found() -> None:
    assert len(LINES) > 40
