"""Templates into text, with everything in them escaped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from preforget.core.version import __version__
from preforget.serve.page.static_files import address
from preforget.serve.page.wording import counted, moment, number, percent

if TYPE_CHECKING:
    from preforget.serve.page.visits import Visit

TEMPLATES = Path(__file__).with_name("templates")
HTML = "text/html; charset=utf-8"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "moment": moment, "number": number, "counted": counted}
    environment.globals |= {"static": address, "version": __version__}
    return environment


ENVIRONMENT = _environment()


def render(template: str, visit: Visit | None, model: str | None = None, **values: Any) -> str:
    """Return a template with values; `model`: the name of the model that it is about."""
    return ENVIRONMENT.get_template(template).render(visit=visit, model=model, **values)
