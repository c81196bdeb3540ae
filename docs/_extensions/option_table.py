"""Sphinx extension: the directive `preforget-options` lists the options of an engine as its class describes them."""

from __future__ import annotations

from dataclasses import fields
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

from preforget import engines
from preforget.core.options import Options


class OptionTable(Directive):
    """A table of name, default and meaning; the argument is the name of a class in `preforget.engines`."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, object]] = {}

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        rows = described(getattr(engines, self.arguments[0]))
        group = nodes.tgroup(cols=3)
        group += [nodes.colspec(colwidth=width) for width in (20, 15, 65)]
        group += nodes.thead("", _row([nodes.Text(title) for title in ("option", "default", "what it is")]))
        body = nodes.tbody()
        for name, default, said in rows:
            body += _row([nodes.literal(text=name), nodes.literal(text=default), nodes.Text(said)])
        group += body
        table = nodes.table()
        table += group
        return [table]


def described(options: type[Options]) -> list[tuple[str, str, str]]:
    """Return name, default and meaning of every option."""
    return [(each.name, repr(each.default), str(each.metadata.get("help", ""))) for each in fields(options)]


def _row(cells: list[nodes.Node]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("preforget-options", OptionTable)
    return {"parallel_read_safe": True}
