"""Names of classes and persons: one form for all ways in, names that look alike, and which name a typed one means.

A name is text in Unicode's form NFC (Unicode Standard Annex 15) without blanks at its ends; whole numbers become text.
Names that are equal in this form are one name. Names that are equal only after NFKC, case folding and removal of
invisible characters look alike: they are two names, and people take the one for the other.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from preforget.core.errors import DataError
from preforget.core.options import is_whole

ABSTENTION = "abstain"
"""How the command line prints that a model abstains; no class may be called so."""

_INVISIBLE = frozenset({"Cc", "Cf"})


def as_name(given: Any, what: str = "label") -> str:
    """Return one name as text: 3, numpy's 3 and "3" are the same name; raises `DataError` for anything else.

    `what` the name is, for the message.

    >>> as_name(3), as_name(" 3")
    ('3', '3')
    """
    if isinstance(given, str):
        if fault := fault_of(given):
            raise DataError(f"the {what} {given!r} {fault}; name one")
        return normal_name(given)
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


def normal_name(text: str) -> str:
    r"""Return text in the one form that names have: NFC, without blanks at its ends.

    >>> normal_name(" cafe\u0301 ") == "caf\u00e9"
    True
    """
    return str(text).strip() if text.isascii() else unicodedata.normalize("NFC", text).strip()


def fault_of(text: str) -> str | None:
    r"""Return why text can't be a name, as the end of a sentence; None if it can.

    >>> fault_of("caf\udce9"), fault_of(" "), fault_of("cat")
    ('is no UTF-8 text', 'is empty', None)
    """
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "is no UTF-8 text"
    return None if appearance(text) else "is empty"


def appearance(name: str) -> str:
    r"""Return what names that people take for each other have in common: NFKC, case folding, nothing invisible.

    >>> appearance("CAF\u00c9\u200b") == appearance("cafe\u0301")
    True
    """
    if name.isascii() and name.isprintable():
        return name.casefold().strip()
    text = unicodedata.normalize("NFKC", name).casefold()
    visible = "".join(c for c in text if unicodedata.category(c) not in _INVISIBLE)
    return unicodedata.normalize("NFKC", visible).strip()


def look_alikes(names: Iterable[str]) -> list[list[str]]:
    """Return the groups of different names that look alike, sorted.

    >>> look_alikes(["cat", "Cat", "dog"])
    [['Cat', 'cat']]
    """
    groups: dict[str, set[str]] = {}
    for name in names:
        groups.setdefault(appearance(name), set()).add(name)
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)


@dataclass(frozen=True)
class Meant:
    """Which of the known names a typed one means.

    `name`: that one, None if there is none or more than one could be meant; `exact`: whether they are equal in the form
    that names have, and don't only look alike; `others`: known names that look like the typed one, beside `name`.
    """

    name: str | None = field(repr=False)
    exact: bool
    others: tuple[str, ...] = field(repr=False)


def same_name(typed: str, known: Collection[str]) -> str | None:
    """Return the known name that a typed one is, None if there is none; how a folder of an older version has it.

    >>> same_name("cat", ["cat ", "Cat"])
    'cat '
    """
    if typed in known:
        return typed
    name = normal_name(typed)
    same = [one for one in known if normal_name(one) == name]
    return same[0] if len(same) == 1 else None


def meant(typed: str, known: Collection[str]) -> Meant:
    """Find a typed name among known ones: the same text, the same name, or the only one that looks like it.

    >>> meant("Cat ", ["cat", "dog"]).name, meant("Cat", ["cat", "CAT"]).name
    ('cat', None)
    """
    same, seen = same_name(typed, known), appearance(typed)
    alike = sorted(one for one in known if appearance(one) == seen) if seen else []
    if same is not None:
        return Meant(same, True, tuple(one for one in alike if one != same))
    if len(alike) == 1:
        return Meant(alike[0], False, ())
    return Meant(None, False, tuple(alike))


def printable(text: str) -> str:
    r"""Return `text` with control characters and undecodable bytes escaped, so that a name can't steer a terminal.

    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
