"""Why something is erased, in words that stay in its receipt, and so hold no name of the model."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from preforget.core.errors import UsageError
from preforget.core.names import appearance

FEW = 16
"""So many words are looked for one by one among the names of a model, which can be a hundred thousand."""


@dataclass(frozen=True)
class Request:
    """Why something is erased: `reference`, such as the number of a request, and legal `grounds`; no names."""

    reference: str | None = None
    grounds: str | None = None

    def check(self, names: Collection[str]) -> None:
        """Raise `UsageError` if a text is too long, or holds one of the model's `names` as a word.

        It stays in the receipt. In grounds, which cite articles and paragraphs, names of one or two characters are let
        pass.
        """
        for what, text in (("reason", self.reference), ("grounds", self.grounds)):
            if text is None:
                continue
            if len(text) > 500 or not text.isprintable():
                raise UsageError(f"the {what} must be one line of at most 500 characters")
            for name in _may_be_in(text, names):
                if (what == "reason" or len(name) > 2) and _holds_word(text, name):
                    raise UsageError(
                        f"there is {name!r} in the {what}, which is the name of a class or a person of the model, and "
                        "it stays in the receipt; give a request's number without that word"
                    )


def _may_be_in(text: str, names: Collection[str]) -> Collection[str]:
    """Return those of many names that can be a word of a text: all that are no plain text, and all that may look so."""
    known = [*names]
    whole = "\n".join(known)
    framed = f"\n{whole}\n"
    printable = whole.replace("\n", "").isprintable() and whole.count("\n") == max(0, len(known) - 1)
    if not whole.isascii() or "\n " in framed or " \n" in framed or not printable:
        return known
    looks = framed.casefold()  # of plain text, what `appearance` returns
    words = _words(appearance(text))
    if len(words) <= FEW:
        there = any(f"\n{word}\n" in looks for word in words)
    else:
        there = not words.isdisjoint(looks.split("\n"))
    return known if there else []


def _words(text: str) -> set[str]:
    """Return whatever begins and ends where a word may begin and end."""
    begins = [n for n in range(len(text)) if n == 0 or not _is_word(text[n - 1])]
    ends = [n for n in range(1, len(text) + 1) if n == len(text) or not _is_word(text[n])]
    return {text[begin:end] for begin in begins for end in ends if begin < end}


def _is_word(character: str) -> bool:
    return re.match(r"\w", character) is not None


def _holds_word(text: str, name: str) -> bool:
    text, name = appearance(text), appearance(name)
    return name in text and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None
