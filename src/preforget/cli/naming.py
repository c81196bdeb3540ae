"""Which class or person a name typed at the command line means, and which others could be taken for it."""

from __future__ import annotations

from collections.abc import Collection

from preforget.cli.console import note
from preforget.core.errors import UnknownLabelError, UsageError
from preforget.core.names import meant, printable


def find_name(what: str, typed: str, known: Collection[str], *, may_ask: bool) -> str:
    """Return the name of a model's class or subject that is meant, and say on stderr which others look like it.

    `what`: `class` or `subject`; `may_ask`: whether a question follows, so that a name that only looks like the typed
    one may be taken. Raises `UnknownLabelError` if none is meant, `UsageError` if it can't be told which.
    """
    from preforget.records import unknown_label, unknown_subject

    found = meant(typed, known)
    if found.name is not None and (found.exact or may_ask):
        if not found.exact:
            note(f"there is no {what} {_shown(typed)}; taken for {_shown(found.name)}, which looks like it")
        for other in found.others:
            note(f"{what} {_shown(other)} looks like {_shown(found.name)}, is another one and stays")
        return found.name
    if found.name is None and found.others:
        raise UsageError(
            f"{_shown(typed)} is no {what} of the model, but {len(found.others)} look like it: "
            f"{', '.join(map(_shown, found.others))}; type one of them"
        )
    error = unknown_label(typed, sorted(known)) if what == "class" else unknown_subject(typed, len(known))
    if found.name is None:
        raise error
    raise UnknownLabelError(f"{error}; one looks like it: to be asked about it, leave --yes out")


def _shown(name: str) -> str:
    """Return a name in quotes, with its characters in full where they aren't plain.

    Two names that look alike on the screen differ there.
    """
    return f"'{printable(name)}'" + ("" if name.isascii() else f" ({name!a})")
