"""What goes with a class or a subject, and what is derived anew: read from a model folder, without a backbone."""

from __future__ import annotations

from collections.abc import Sequence

from preforget.core.errors import StoreError, UsageError
from preforget.engines.base import Engine
from preforget.engines.registry import ENGINES
from preforget.records import ClassRecord, Roster
from preforget.store import ModelFolder


def engine_of(folder: ModelFolder) -> type[Engine]:
    """Return the engine that a folder was learned with; raises `StoreError` for one that isn't installed."""
    try:
        return ENGINES[folder.manifest.engine]
    except UsageError as error:
        raise StoreError(
            f"{folder.path} was learned with an engine that isn't installed here: {error}; install its package"
        ) from error


def plan(
    folder: ModelFolder,
    *,
    label: str | None = None,
    subject: str | None = None,
    records: Sequence[ClassRecord] | None = None,
) -> list[ClassRecord]:
    """Return every record in which a class or a subject has a part; `records` are the folder's, if they were read.

    Raises `UnknownLabelError` for a name that the folder doesn't hold, `UsageError` for a subject in an engine that
    knows none.
    """
    kind = engine_of(folder)
    if subject is not None and not kind.knows_subjects:
        raise kind.no_subjects()
    bank = bank_of(folder, folder.records() if records is None else records)
    return bank.affected_records(label, subject)


def bank_of(folder: ModelFolder, records: Sequence[ClassRecord]) -> Roster:
    """Return a folder's records as its engine's bank; raises `StoreError` if they don't belong together."""
    try:
        return engine_of(folder).bank_of(records)
    except UsageError as error:
        raise StoreError(f"the records of {folder.path} don't belong together: {error}") from error


def derive_in_folder(folder: ModelFolder, records: Sequence[ClassRecord]) -> list[ClassRecord]:
    """Return records that follow from the live ones of a folder and are missing in it."""
    bank = bank_of(folder, records)
    try:
        return engine_of(folder).derive_from(bank, folder.manifest.options) if records else []
    except UsageError as error:
        raise StoreError(f"{folder.path} is damaged: {error}") from error
