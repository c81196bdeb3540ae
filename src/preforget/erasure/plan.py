"""What forgetting a class or a subject destroys: read from a model in memory, or from its folder without a backbone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from preforget.core.errors import StoreError, UsageError
from preforget.core.names import same_name
from preforget.engines.base import Engine
from preforget.engines.registry import ENGINES
from preforget.records import ClassRecord, Roster
from preforget.store import ModelFolder

SEVERAL_KINDS = "several"
"""What is erased if it is classes and subjects at once."""

Names = str | Sequence[str] | None
"""One name, several, or none."""


@dataclass(frozen=True)
class Target:
    """One class or one subject: `what` it is, its `name`, left out of the repr, and the ids of the `records` of it."""

    what: str
    name: str = field(repr=False)
    records: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What will be destroyed: every record in which one class or subject, or one of several, has a part.

    `targets`: which ones; `records`: what will be destroyed; `engine`: the engine's class, whose sentences will be
    signed; `names`: those of all classes and subjects of the model, which no receipt may hold, left out of the
    repr; `rewritten`: what takes the place of records that concern all classes.
    """

    targets: tuple[Target, ...]
    records: list[ClassRecord]
    engine: type[Engine]
    names: Collection[str] = field(repr=False)
    rewritten: list[ClassRecord] = field(default_factory=list)

    @property
    def what(self) -> str:
        """`class`, `subject`, or `several` for both at once."""
        kinds = {target.what for target in self.targets}
        return kinds.pop() if len(kinds) == 1 else SEVERAL_KINDS

    @property
    def listed(self) -> list[dict[str, Any]]:
        """What ledger and receipt say of several targets, in an order that says nothing; nothing of a single one."""
        if len(self.targets) < 2:
            return []
        listed = [{"what": target.what, "records": sorted(target.records)} for target in self.targets]
        return sorted(listed, key=lambda target: str(target["records"]))


def plan(
    folder: ModelFolder,
    *,
    label: Names = None,
    subject: Names = None,
    records: Sequence[ClassRecord] | None = None,
) -> Plan:
    """Return what forgetting classes or subjects destroys in a folder; `records`: the folder's, if they were read.

    Raises `UnknownLabelError` for a name that the folder doesn't hold, `UsageError` for a subject in an engine that
    knows none.
    """
    engine = engine_of(folder)
    if subject and not engine.knows_subjects:
        raise engine.no_subjects()
    bank = bank_of(folder, folder.records() if records is None else records)
    labels, subjects = _meant(label, bank.labels), _meant(subject, bank.subjects)
    affected = bank.affected_by(labels, subjects) if labels or subjects else []
    targets = _targets(labels, subjects, affected)
    return Plan(targets, affected, engine, _names(bank), rewritten_in_folder(folder, affected))


def plan_in_memory(engine: Engine, *, label: Names = None, subject: Names = None) -> Plan:
    """Return what forgetting classes or subjects destroys in a model in memory; raises as `plan` does."""
    labels, subjects = _meant(label, engine.bank.labels), _meant(subject, engine.bank.subjects)
    affected = engine.affected_by(labels, subjects) if labels or subjects else []
    targets = _targets(labels, subjects, affected)
    return Plan(targets, affected, type(engine), _names(engine.bank), engine.rewritten(affected))


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


def _meant(names: Names, known: Sequence[str]) -> list[str]:
    """Return names as the bank has them, each once; one that it doesn't have is left as it is."""
    given = [] if names is None else [names] if isinstance(names, str) else [*names]
    return [*dict.fromkeys(same_name(name, known) or name for name in given)]


def _targets(
    labels: Sequence[str], subjects: Sequence[str], affected: Sequence[ClassRecord]
) -> tuple[Target, ...]:
    """Return each class and subject with what is of it; raises `UsageError` if there is none."""
    if not labels and not subjects:
        raise UsageError("nothing to forget: give a class or a subject")
    classes = [
        Target("class", name, tuple(record.id for record in affected if record.concerns(name)))
        for name in labels
    ]
    people = [
        Target("subject", name, tuple(record.id for record in affected if record.subject == name))
        for name in subjects
    ]
    return *classes, *people


def _names(bank: Roster) -> Collection[str]:
    return [*bank.labels, *bank.subjects]
