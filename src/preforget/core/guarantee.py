"""What forgetting promises, one member per kind of promise, each with its sentence."""

from __future__ import annotations

from enum import Enum


class Guarantee(Enum):
    """The promise of an engine; `meaning` says it in one sentence that can be signed."""

    BEHAVIOURAL = "behavioural"
    PARAMETRIC = "parametric"
    EXACT = "exact"

    @property
    def meaning(self) -> str:
        """The promise in one plain sentence."""
        return _MEANINGS[self]


_MEANINGS = {
    Guarantee.BEHAVIOURAL: (
        "The prompt, head row and bias of the class are deleted and it is never answered again; "
        "an adapter that all classes share has seen its data and stays."
    ),
    Guarantee.PARAMETRIC: (
        "Every parameter that was learned for the class is deleted, nothing shared was trained, and the scores "
        "of all other classes stay bit-identical; other records were learned with the class as a negative."
    ),
    Guarantee.EXACT: "What is left equals, bit for bit, a model that was never given the forgotten data.",
}
