"""The page of a benchmark: it needs no script and no network, and it can be printed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from preforget.benchmark.columns import COLUMNS
from preforget.benchmark.headlines import Summary
from preforget.benchmark.tables import Results, Row
from preforget.benchmark.trade_off import trade_off
from preforget.benchmark.writers import cell, tables_of

TEMPLATE = Path(__file__).with_name("page.html.jinja")


@dataclass(frozen=True)
class Group:
    """One table with its picture, None where nothing is done; `about`: the data set."""

    about: dict[str, Any]
    k: int
    rows: list[Row]
    picture: Markup | None


def page(results: Results, overview: Summary, command: str) -> str:
    """Return a benchmark's result as HTML; all texts in it are escaped. `command` repeats the benchmark."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["options"] = options
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        results=results,
        overview=overview,
        command=command,
        groups=groups(results),
        columns=[COLUMNS[name] for name in results.columns],
        cell=cell,
    )


def groups(results: Results) -> list[Group]:
    """Return the tables in order."""
    tables = []
    for data, k in tables_of(results):
        rows = [row for row in results.rows if (row.data, row.k) == (data, k)]
        title = f"{data}, {k} forgotten: forgetting against retention"
        desc = "Each contender by forget accuracy, retained accuracy and seconds to forget; the table has the numbers."
        picture = Markup(trade_off(rows, title, desc)) if any(row.cells for row in rows) else None
        about = next(facts for facts in results.data if facts["name"] == data)
        tables.append(Group(about, k, rows, picture))
    return tables


def options(values: dict[str, Any]) -> str:
    """Return chosen options in one line.

    >>> options({"epochs": 3, "rate": 0.1})
    'epochs 3, rate 0.1'
    """
    return ", ".join(f"{name} {json.dumps(value)}" for name, value in values.items())
