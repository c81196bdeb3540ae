"""A page that checks receipts in a browser, without a network and without any of this program's code.

Its JavaScript was written from `docs/class-erasure/README.md`; of the program it takes the JSON Schema alone. Scripts
and styles are allowed by their hashes only, so nothing that stands in a receipt can act.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from preforget.erasure.receipt import PREDICATE_TYPE, SCHEMA

FOLDER = Path(__file__).parent
_SCHEMA_GOES_HERE = "const SCHEMA = {};"


@dataclass(frozen=True)
class Verifier:
    """The parts of the verifier, for any page: markup of its form, style, script, and the script's hash for a policy.

    The script must stand below the form. The style uses the colours `--ink`, `--soft`, `--line`, `--good`, `--bad`,
    `--focus` of its page.
    """

    form: Markup
    style: Markup
    script: Markup

    @property
    def script_source(self) -> Markup:
        """The script as a source expression of a Content-Security-Policy."""
        return _source(self.script)


def verifier() -> Verifier:
    """Read the parts of the verifier, with the schema in its script."""
    schema = json.dumps(json.loads(SCHEMA.read_bytes()), separators=(",", ":")).replace("<", "\\u003c")
    check = _text("verify_page.js").replace(_SCHEMA_GOES_HERE, f"const SCHEMA = {schema};")
    return Verifier(
        form=Markup(_text("verify_page_form.html")),
        style=Markup(_text("verify_page.css")),
        script=Markup("\n" + check + "\n" + _text("verify_page_form.js")),
    )


def verify_page() -> str:
    """Return the verifier as one HTML file, always the same for one version of this program."""
    parts = verifier()
    style = Markup("\n" + _text("verify_page_base.css") + parts.style)
    policy = (
        f"default-src 'none'; script-src {parts.script_source}; style-src {_source(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    template = environment.from_string(_text("verify_page.html.jinja"))
    return template.render(
        form=parts.form,
        style=style,
        script=parts.script,
        policy=Markup(policy),
        predicate_type=PREDICATE_TYPE,
    )


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _source(text: str) -> Markup:
    return Markup(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'")
