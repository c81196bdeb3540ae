"""Names of classes and persons as users give them: text stays, whole numbers become text; one or several of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from preforget.core.errors import DataError
from preforget.core.options import is_whole


def as_name(given: Any, what: str = "label") -> str:
    """Return one name as text: 3, numpy's 3 and "3" are the same name; raises `DataError` for anything else.

    `what` the name is, for the message.

    >>> as_name(3), as_name("3")
    ('3', '3')
    """
    if isinstance(given, str):
        return str(given)
    if is_whole(given):
        return str(int(given))
    raise DataError(f"{given!r} is no {what}; {what}s are text or whole numbers")


def as_names(given: Any, what: str = "label") -> list[str]:
    """Return one name or several as a list of text, in the order given; raises `DataError` as `as_name` does.

    >>> as_names(3), as_names(["a", 4])
    (['3'], ['a', '4'])
    """
    if isinstance(given, str) or is_whole(given) or not isinstance(given, Iterable):
        return [as_name(given, what)]
    return [as_name(one, what) for one in given]
