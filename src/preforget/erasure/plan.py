"""What forgetting a class or a subject destroys: read from a model in memory, or from its folder without a backbone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from preforget.core.errors import StoreError, UsageError
from preforget.core.names import same_name
from preforget.engines.base import Engine
from preforget.engines.registry import ENGINES
from preforget.records import ClassRecord, Roster
from preforget.store import ModelFolder

_ARGUMENT = {"class": "label", "subject": "subject"}


@dataclass(frozen=True)
class Plan:
    """What will be destroyed: every record in which one class, or one subject, has a part.

    `what`: `class` or `subject`; `name`: which one, left out of the repr since it can be a person's; `records`: what
    will be destroyed; `engine`: the engine's class, whose sentences will be signed; `names`: those of all classes and
    subjects of the model, which no receipt may hold, left out of the repr; `rewritten`: what takes the place of records
    that concern all classes.
    """

    what: str
    name: str = field(repr=False)
    records: list[ClassRecord]
    engine: type[Engine]
    names: frozenset[str] = field(repr=False)
    rewritten: list[ClassRecord] = field(default_factory=list)


def plan(
    folder: ModelFolder,
    *,
    label: str | None = None,
    subject: str | None = None,
    records: Sequence[ClassRecord] | None = None,
) -> Plan:
    """Return what forgetting a class or a subject destroys in a folder; `records`: the folder's, if they were read.

    Raises `UnknownLabelError` for a name that the folder doesn't hold, `UsageError` for a subject in an engine that
    knows none.
    """
    engine = engine_of(folder)
    if subject is not None and not engine.knows_subjects:
        raise engine.no_subjects()
    bank = bank_of(folder, folder.records() if records is None else records)
    what, name = _target(label, subject, bank)
    affected = bank.affected_records(**{_ARGUMENT[what]: name})
    return Plan(what, name, affected, engine, _names(bank), rewritten_in_folder(folder, affected))


def plan_in_memory(engine: Engine, *, label: str | None = None, subject: str | None = None) -> Plan:
    """Return what forgetting a class or a subject destroys in a model in memory; raises as `plan` does."""
    what, name = _target(label, subject, engine.bank)
    affected = engine.affected_records(**{_ARGUMENT[what]: name})
    return Plan(what, name, affected, type(engine), _names(engine.bank), engine.rewritten(affected))


def engine_of(folder: ModelFolder) -> type[Engine]:
    """Return the engine that a folder was learned with; raises `StoreError` for one that isn't installed."""
    try:
        return ENGINES[folder.manifest.engine]
    except UsageError as error:
        raise StoreError(
            f"{folder.path} was learned with an engine that isn't installed here: {error}; install its package"
        ) from error


def bank_of(folder: ModelFolder, records: Sequence[ClassRecord]) -> Roster:
    """Return a folder's records as its engine's bank; raises `StoreError` if they don't belong together."""
    try:
        return engine_of(folder).bank_of(records)
    except UsageError as error:
        raise StoreError(f"the records of {folder.path} don't belong together: {error}") from error


def derive_in_folder(folder: ModelFolder, bank: Roster) -> list[ClassRecord]:
    """Return records that follow from the live ones of a folder and are missing in it; raises `StoreError`."""
    try:
        return engine_of(folder).derive_from(bank, folder.manifest.options)
    except UsageError as error:
        raise StoreError(f"{folder.path} is damaged: {error}") from error


def rewritten_in_folder(folder: ModelFolder, gone: Sequence[ClassRecord]) -> list[ClassRecord]:
    """Return what takes the place of records of a folder that concern all classes; raises `StoreError`."""
    try:
        return engine_of(folder).rewritten(gone)
    except UsageError as error:
        raise StoreError(f"{folder.path} is damaged: {error}") from error


def _target(label: str | None, subject: str | None, bank: Roster) -> tuple[str, str]:
    """Return what is meant, and its name as the bank has it; a name that it doesn't have is left as it is."""
    if (label is None) == (subject is None):
        raise UsageError("give either a class or a subject to forget")
    if subject is None:
        return "class", same_name(str(label), bank.labels) or str(label)
    return "subject", same_name(subject, bank.subjects) or subject


def _names(bank: Roster) -> frozenset[str]:
    return frozenset([*bank.labels, *bank.subjects])
