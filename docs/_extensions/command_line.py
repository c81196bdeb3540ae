"""Sphinx extension: the directive `preforget-commands` shows every command as its own `--help` describes it."""

from __future__ import annotations

import argparse
import os
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

from preforget.cli.main import build_parser

WIDTH = "84"


class Commands(Directive):
    """One section per command."""

    option_spec: ClassVar[dict[str, object]] = {}

    def run(self) -> list[nodes.Node]:
        """Return the sections, in the order of `preforget --help`."""
        os.environ["COLUMNS"] = WIDTH
        return [_section(name, parser) for name, parser in commands().items()]


def commands() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command."""
    for action in build_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _section(name: str, parser: argparse.ArgumentParser) -> nodes.section:
    text = parser.format_help().rstrip()
    section = nodes.section(ids=[f"preforget-{name}"], names=[f"preforget {name}"])
    section += nodes.title(text=f"preforget {name}")
    section += nodes.literal_block(text, text, language="none")
    return section


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("preforget-commands", Commands)
    return {"parallel_read_safe": True}
