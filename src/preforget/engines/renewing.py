"""Units of the exact engine that are read anew, because a folder of an older format lacks a part of them."""

from __future__ import annotations

from preforget.core.errors import DataError
from preforget.engines.pair_prompts import PREFIX
from preforget.records import ClassRecord, UnitBank
from preforget.records.units import unit_inputs

ENERGIES_LACK = "confidence follows the rule of format 2, with energies of the lowest depth"


def check_same_inputs(old: UnitBank, new: UnitBank) -> None:
    """Raise `DataError` unless each unit was read from as many inputs as before, so none came back or was left out."""
    counts = [
        {(unit.label, unit.subject): unit_inputs(unit) for label in bank.labels for unit in bank.units(label)}
        for bank in (old, new)
    ]
    differing = sum(counts[0].get(name) != counts[1].get(name) for name in {*counts[0], *counts[1]})
    if differing:
        raise DataError(
            f"{differing} of {len(counts[0])} classes or persons have another number of inputs in the data than in "
            "the model; give the data that it was learned from"
        )


def prompted_pairs(old: UnitBank, new: UnitBank) -> list[ClassRecord]:
    """Return the pairs of `new` with the prompts of `old` where both classes have the same sums in both."""
    same = {
        label
        for label in old.labels
        if old.moments(label).total.equal(new.moments(label).total)
        and old.moments(label).scatter.equal(new.moments(label).scatter)
    }
    made = []
    for names, record in sorted(old.pairs.items()):
        prompt = {name: tensor for name, tensor in record.tensors.items() if name.startswith(PREFIX)}
        if prompt and same.issuperset(names):
            tensors = {**new.pairs[names].tensors, **prompt}
            made.append(ClassRecord(record.label, tensors, partner=record.partner))
    return made
