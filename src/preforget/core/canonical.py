"""JSON in the one form that can be hashed and signed (RFC 8785)."""

from __future__ import annotations

import json
from typing import Any

import rfc8785

from preforget.core.hashing import bytes_digest


def canonical_json(value: Any) -> bytes:
    """Return a JSON-able value as RFC 8785 bytes; raises `ValueError` for what JSON can't hold exactly.

    >>> canonical_json({"b": 1, "a": [True, None, "é"]})
    b'{"a":[true,null,"\\xc3\\xa9"],"b":1}'
    """
    if _is_simple(value):
        return _ENCODER.encode(value).encode()
    content: bytes = rfc8785.dumps(value)
    return content


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _is_simple(value: Any) -> bool:
    """Tell whether Python's own encoder, ten times as fast, writes the form of RFC 8785: no floats, no key whose
    place could depend on its encoding.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-(2**53) < value < 2**53)
    if kind is dict:
        return all(type(key) is str and key.isascii() and _is_simple(inner) for key, inner in value.items())
    return kind is list and all(map(_is_simple, value))


def canonical_digest(value: Any) -> str:
    """Return the SHA-256 of `canonical_json` as `sha256:<hex>`."""
    return bytes_digest(canonical_json(value))


def read_canonical(content: bytes) -> Any:
    """Read JSON that must be in canonical form, byte for byte; raises `ValueError` for anything else.

    >>> read_canonical(b'{"a":1}')
    {'a': 1}
    """
    try:
        value = json.loads(content)
        same = canonical_json(value) == content
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not same:
        raise ValueError("not in canonical form")
    return value
