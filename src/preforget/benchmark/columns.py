"""What a table can show: each measure with its title, its unit, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass

LOW, HIGH, NEAR = "low", "high", "near zero"


@dataclass(frozen=True)
class Column:
    """One measure: `title` and `short` name; `unit`: share, seconds, count or bytes; `better`: `LOW`, `HIGH`, `NEAR`.

    `oracle`: whether a retrained model is best by definition, so that winning this column means nothing.
    """

    name: str
    title: str
    short: str
    unit: str
    better: str
    oracle: bool = False

    @property
    def said(self) -> str:
        """The title for a sentence.

        >>> COLUMNS["mia"].said
        'same-class membership'
        """
        return self.title.split(" (")[0].split(",")[0]


COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        Column("fa", "forget accuracy (test)", "FA", "share", LOW),
        Column("ra", "retain accuracy (test)", "RA", "share", HIGH),
        Column("auroc", "abstention AUROC", "AUROC", "share", HIGH),
        Column("tow", "tug of war to its own retrain", "ToW", "share", HIGH, oracle=True),
        Column("gap", "average gap to its own retrain", "avg gap", "share", LOW, oracle=True),
        Column("mia", "same-class membership, largest |AUC - 0.5|", "MIA", "share", LOW),
        Column("recovery", "key recovery at 5 shots", "recovery", "share", LOW),
        Column("recovery_gap", "key recovery less that of retrain", "rec. gap", "share", NEAR, oracle=True),
        Column("forget_seconds", "seconds to forget", "forget s", "seconds", LOW),
        Column("learn_seconds", "seconds to learn", "learn s", "seconds", LOW),
        Column("parameters", "trainable parameters", "parameters", "count", LOW),
        Column("bytes", "bytes stored beside the backbone", "bytes", "bytes", LOW),
    )
}


RECOVERY = ("recovery", "recovery_gap")
"""The measures that only the attack on open weights gives."""


def is_better(column: Column, value: float, reference: float) -> bool:
    """Tell whether one value is better than another, by more than rounding.

    >>> is_better(COLUMNS["ra"], 0.9, 0.8), is_better(COLUMNS["recovery_gap"], -0.2, 0.1)
    (True, False)
    """
    if column.better == NEAR:
        value, reference = abs(value), abs(reference)
    gain = value - reference if column.better == HIGH else reference - value
    return gain > 1e-9 * max(1.0, abs(value), abs(reference))
