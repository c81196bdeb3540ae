"""What goes with a class or a subject, and what is derived anew: read from a model folder, without a backbone."""

from __future__ import annotations

from collections.abc import Sequence

from preforget.core.errors import StoreError, UsageError
from preforget.engines.derive import missing_pairs
from preforget.engines.exact import ExactEngine
from preforget.engines.multilabel_exact import MultilabelExactEngine
from preforget.records import ClassRecord, UnitBank, unknown_label
from preforget.records.condition_bank import ConditionBank
from preforget.store import ModelFolder

MOST_FEATURES = 2**15
"""Features of the widest backbone; covariances are the square of it."""


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
    found = folder.records() if records is None else records
    if is_exact(folder):
        return unit_bank(found).going(label, subject)
    if folder.manifest.engine == MultilabelExactEngine.name:
        return unit_bank(found, ConditionBank).going(label, subject)
    if subject is not None:
        raise UsageError(
            f"a model of the {folder.manifest.engine} engine can forget classes, not subjects; "
            "learn with --engine exact and --subjects"
        )
    going = [record for record in found if record.concerns(str(label))]
    if not going:
        raise unknown_label(label, sorted({record.label for record in found}))
    return going


def derive_in_folder(folder: ModelFolder, records: Sequence[ClassRecord]) -> list[ClassRecord]:
    """Return records that follow from the live ones of a folder and are missing in it."""
    if not is_exact(folder) or not records:
        return []
    bank = unit_bank(records)
    strength = folder.manifest.options.get("shrinkage")
    if not isinstance(strength, (int, float)):
        raise StoreError(f"the manifest of {folder.path} is damaged: shrinkage is no number")
    try:
        return missing_pairs(bank, bank.labels, strength)
    except UsageError as error:
        raise StoreError(f"{folder.path} is damaged: {error}") from error


def has_units(folder: ModelFolder) -> bool:
    """Tell whether a class can have several records in a folder, by subject."""
    return folder.manifest.engine in (ExactEngine.name, MultilabelExactEngine.name)


def is_exact(folder: ModelFolder) -> bool:
    """Tell whether a folder holds units and pairs."""
    return folder.manifest.engine == ExactEngine.name


def unit_bank(records: Sequence[ClassRecord], kind: type[UnitBank] = UnitBank) -> UnitBank:
    """Return units and pairs of a folder as a bank; raises `StoreError` if they don't belong together."""
    held_out = next((r.tensors["held_out"] for r in records if "held_out" in r.tensors), None)
    if held_out is not None and (held_out.ndim != 2 or not 1 <= held_out.shape[1] <= MOST_FEATURES):
        raise StoreError("the records don't belong together: held-out features have an impossible shape")
    bank = kind(0 if held_out is None else held_out.shape[-1])
    try:
        for record in sorted(records, key=lambda record: record.partner is not None):
            bank.insert(record)
    except UsageError as error:
        raise StoreError(f"the records don't belong together: {error}") from error
    return bank
