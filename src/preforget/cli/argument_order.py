"""Options may stand before, between or after names: arguments are put in an order that argparse always understands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

NEEDED_UNLESS = "needed_unless"
"""The attribute of a name that may be left out only where the option is given that the attribute says."""


@dataclass
class _Token:
    """One argument: `owner` is the option with values that took it, None for a name."""

    text: str
    owner: int | None = None


def options_first(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> list[str]:
    """Return the arguments of a command with all options first, then `--`, then the names.

    An option with one value or more takes what follows it up to the next option, but for what its type can't be made
    of, and leaves to the names as many as the command needs: in `predict MODEL --without dog FILE` the last one is the
    file. What comes after `--` are names.
    """
    options: list[_Token] = []
    names: list[tuple[int, str]] = []
    many: list[
        tuple[int, list[int]]
    ] = []  # options with several values, and the places of their values in `options`
    at = 0
    while at < len(arguments):
        text = arguments[at]
        if text == "--":
            names += list(enumerate(arguments[at + 1 :], start=at + 1))
            break
        if not _is_option(parser, text):
            names.append((at, text))
            at += 1
            continue
        options.append(_Token(text))
        at += 1
        action = parser._option_string_actions.get(text)
        if action is None:  # unknown, or written as --option=value
            continue
        if action.nargs is None or isinstance(action.nargs, int):
            count = 1 if action.nargs is None else action.nargs
            options += [_Token(value) for value in arguments[at : at + count]]
            at += count
        elif action.nargs in ("+", "*", "?"):
            taken = []
            while at < len(arguments) and _is_value(parser, action, arguments[at]):
                taken.append(len(options))
                options.append(_Token(arguments[at], at))
                at += 1
                if action.nargs == "?":
                    break
            many.append((1 if action.nargs == "+" else 0, taken))
    lacking = sum(_least(action, arguments) for action in parser._get_positional_actions()) - len(names)
    for least, taken in reversed(many):
        while lacking > 0 and len(taken) > least:
            token = options[taken.pop()]
            names.append((token.owner or 0, token.text))
            token.owner = -1
            lacking -= 1
    kept = [token.text for token in options if token.owner != -1]
    return [*kept, "--", *(name for _, name in sorted(names))] if names else kept


def _is_option(parser: argparse.ArgumentParser, text: str) -> bool:
    return len(text) > 1 and text.startswith("-") and not _is_number(text)


def _is_value(parser: argparse.ArgumentParser, action: argparse.Action, text: str) -> bool:
    """Tell whether an argument can be a value of an option that takes several."""
    if text == "--" or _is_option(parser, text):
        return False
    kind: Any = action.type
    if kind not in (int, float):
        return True
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _least(action: argparse.Action, arguments: Sequence[str]) -> int:
    """Return how many arguments a name of a command needs at least; some are needed unless an option is given."""
    if isinstance(action.nargs, int):
        return action.nargs
    unless = getattr(action, NEEDED_UNLESS, None)
    if unless is not None:
        return int(not any(text.split("=")[0] == unless for text in arguments))
    return 0 if action.nargs in ("?", "*") else 1
