"""Options of engines on the command line, derived from the fields of their option classes.

Our engines' options are always listed. Those of an extension's engine are added if the command names that engine,
so that nothing heavy is imported for a list of options.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any, get_args, get_type_hints

from preforget.core.errors import UsageError
from preforget.engines.options import DEFAULT_ENGINE, OPTIONS, EngineOptions

OWN_ARGUMENT = frozenset({"seed"})
"""Fields that have an argument of their own in the commands."""

DEST = "engine_option_"


def named_engine(arguments: Sequence[str]) -> str:
    """Return the engine that a command line names, the default one if it names none.

    >>> named_engine(["learn", "--engine=exact"]), named_engine(["learn"])
    ('exact', 'isolated')
    """
    chosen = DEFAULT_ENGINE
    for position, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument.startswith("--engine="):
            chosen = argument.removeprefix("--engine=")
        elif argument == "--engine" and position + 1 < len(arguments):
            chosen = arguments[position + 1]
    return chosen


def options_of(engine: str) -> type[EngineOptions]:
    """Return the option class of an engine, loading it only if it isn't one of ours; raises `UsageError`."""
    if engine in OPTIONS:
        return OPTIONS[engine]
    from preforget.engines import ENGINES

    return ENGINES[engine].options_type


def add_engine_options(parser: argparse.ArgumentParser, engine: str = DEFAULT_ENGINE) -> None:
    """Add one option per field of all our engines, and of `engine` if it is an extension's that can be loaded."""
    known = dict(OPTIONS.items())
    if engine not in known:
        try:
            known[engine] = options_of(engine)
        except UsageError:  # reported when the command runs
            engine = DEFAULT_ENGINE
    # the chosen engine first: if engines differ in a type, its type counts
    order = sorted(known, key=lambda name: (name != engine, name))
    group = parser.add_argument_group("options of the engine, which has its own defaults")
    for name in sorted({each.name for kind in known.values() for each in fields(kind)} - OWN_ARGUMENT):
        owners = {owner: known[owner] for owner in order if name in _names(known[owner])}
        _add(parser, group, name, owners)


def given_options(args: argparse.Namespace, engine: str) -> dict[str, Any]:
    """Return the options that were given, by field; raises `UsageError` for one that the engine doesn't have."""
    given = {
        name.removeprefix(DEST): value
        for name, value in vars(args).items()
        if name.startswith(DEST) and value is not None
    }
    names = _names(options_of(engine)) - OWN_ARGUMENT if given else set()
    for name in given:
        if name not in names:
            listed = ", ".join(_flag(option) for option in sorted(names))
            raise UsageError(
                f"the {engine} engine has no option {_flag(name)}; {f'it has: {listed}' if names else 'it has none'}"
            )
    return given


def _add(
    parser: argparse.ArgumentParser,
    group: argparse._ArgumentGroup,
    name: str,
    owners: Mapping[str, type[EngineOptions]],
) -> None:
    """Add the option of one field, which `owners` have, by name, the chosen engine first if it has it."""
    each = next(candidate for candidate in fields(next(iter(owners.values()))) if candidate.name == name)
    names = [_flag(name), *map(_flag, each.metadata.get("aliases", ()))]
    if any(flag in parser._option_string_actions for flag in names):  # an argument of the command itself
        names = [f"--engine-{name.replace('_', '-')}"]
    kind = _type(next(iter(owners.values())), name)
    text = _help(name, owners)
    if kind is bool:
        group.add_argument(*names, dest=DEST + name, action=argparse.BooleanOptionalAction, help=text)
        return
    value = each.metadata.get("value") or "VALUE"
    group.add_argument(*names, dest=DEST + name, type=kind, metavar=value, help=text)


def _help(name: str, owners: Mapping[str, type[EngineOptions]]) -> str:
    """Return the help of a field, each sentence once, with the engines that have it."""
    meanings: dict[str, list[str]] = {}
    for engine, kind in sorted(owners.items()):
        each = next(candidate for candidate in fields(kind) if candidate.name == name)
        meanings.setdefault(each.metadata.get("help", "see its documentation") + _default(each), []).append(
            engine
        )
    text = "; ".join(f"{' and '.join(engines)}: {sentence}" for sentence, engines in meanings.items())
    return text.replace("%", "%%")


def _default(each: Field[Any]) -> str:
    if each.default in (MISSING, None, "") or isinstance(each.default, bool):
        return ""
    return (
        f" (default: {each.default:g})" if isinstance(each.default, float) else f" (default: {each.default})"
    )


def _type(kind: type[EngineOptions], name: str) -> Any:
    """Return the type that turns text into a value of a field: int, float, str or bool, the first of a union."""
    hint = get_type_hints(kind)[name]
    members = [member for member in get_args(hint) if member is not type(None)] or [hint]
    return members[0] if members[0] in (int, float, bool, str) else str


def _names(kind: type[EngineOptions]) -> set[str]:
    return {each.name for each in fields(kind)}


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
