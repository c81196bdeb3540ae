"""The class or person that a typed name means, and others that could be mistaken for it."""

from __future__ import annotations

from collections.abc import Collection

from preforget.cli.console import note
from preforget.core.errors import UnknownLabelError, UsageError
from preforget.core.names import meant, printable


def find_name(kind: str, typed: str, known: Collection[str], *, may_ask: bool) -> str:
    """Return the name of a model's class or subject that is meant, and say on stderr which others look like it.

    `kind`: `class` or `subject`; `may_ask`: whether a question follows, so that a name that only looks like the typed
    one is accepted. Raises `UnknownLabelError` for an unknown name, `UsageError` for an ambiguous one.
    """
    from preforget.records import unknown_label, unknown_subject

    match = meant(typed, known)
    if match.name is not None and (match.exact or may_ask):
        if not match.exact:
            note(f"there is no {kind} {_shown(typed)}; taken for {_shown(match.name)}, which looks like it")
        for other in match.others:
            note(f"{kind} {_shown(other)} looks like {_shown(match.name)}, is another one and stays")
        return match.name
    if match.name is None and match.others:
        raise UsageError(
            f"{_shown(typed)} is no {kind} of the model, but {len(match.others)} look like it: "
            f"{', '.join(map(_shown, match.others))}; type one of them"
        )
    error = unknown_label(typed, sorted(known)) if kind == "class" else unknown_subject(typed, len(known))
    if match.name is None:
        raise error
    raise UnknownLabelError(f"{error}; one looks like it: to be asked about it, leave --yes out")


def _shown(name: str) -> str:
    """Return a name in quotes, with its characters in full where they aren't plain.

    Two names that look alike on the screen differ there.
    """
    return f"'{printable(name)}'" + ("" if name.isascii() else f" ({name!a})")
