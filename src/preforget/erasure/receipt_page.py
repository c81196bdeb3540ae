"""A receipt as one page for people, which can be printed and needs no network.

Showing the receipt needs no script; the one on the page, allowed by its hash, checks signed files.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, StrictUndefined

from preforget.core.canonical import canonical_digest
from preforget.erasure.receipt import PREDICATE_TYPE, Receipt
from preforget.erasure.verify_page import verifier

TEMPLATE = Path(__file__).with_name("receipt.html.jinja")


def page(receipt: Receipt, key_id: str, checked: bool) -> str:
    """Return a receipt as HTML; `checked`: whether the signature of the key `key_id` is valid.

    Everything that the receipt says is escaped.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["time"] = _readable
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        receipt=receipt,
        key_id=key_id,
        checked=checked,
        failed=[check for check in receipt.checks if not check["passed"]],
        size=sum(record["bytes"] for record in receipt.records),
        predicate_type=PREDICATE_TYPE,
        digest=canonical_digest(receipt.statement()),
        verifier=verifier(),
    )


def _readable(time: str) -> str:
    """Return an RFC 3339 time as people read it.

    >>> _readable("2026-01-31T12:00:00.000Z")
    '2026-01-31 12:00:00 UTC'
    """
    return f"{time[:10]} {time[11:19]} UTC"
