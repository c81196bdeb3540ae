"""The kinds of promise that forgetting can keep; an engine names its kind and owns the sentence that is signed."""

from __future__ import annotations

from enum import StrEnum


class Guarantee(StrEnum):
    """What kind of promise an engine makes, from the weakest to the strongest.

    `BEHAVIOURAL`: the class is never answered again; `PARAMETRIC`: all parameters that were learned for it are
    gone; `EXACT`: what is left equals a model that was never given the data.
    """

    BEHAVIOURAL = "behavioural"
    PARAMETRIC = "parametric"
    EXACT = "exact"
