"""Which sizes of batches give every input the same bits, tried out on this machine with the model as it is.

A matrix product may be summed up in another order in a batch of another size. Which order is taken depends on the sizes
alone and not on the numbers, so that sizes which agree on drawn inputs agree on others. Classes are a size, too:
whatever changes the model is followed by a new trial.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from preforget.classifier.answering import Answers
from preforget.core.errors import PreforgetError
from preforget.serve.membership import Standing

Respond = Callable[[Any, tuple[str, ...]], tuple[Standing, Answers]]
"""Answers inputs, without some classes, and says with which standing."""
Draw = Callable[[int], Any]
"""Returns so many inputs of the model's kind, the same ones each time."""

SMALL = (1, 2, 4)
LARGE = 4
"""How many times as large as usual a batch may be."""
LONGEST = 3.0
"""Seconds after which no further size is tried: a forgetting waits for this, and so do requests after it."""
LARGE_COSTS = 6
"""How many usual batches it takes to try a large one, at most."""


def equal_sizes(respond: Respond, draw: Draw, rows: int) -> tuple[Standing, tuple[int, ...]] | None:
    """Return the sizes that give the same bits as batches of `rows`, that one among them, and for which standing.

    None if the model can't answer. Where it changes meanwhile, or batches take long, fewer sizes are known.
    """
    drawn = draw(LARGE * rows)
    try:
        begun = time.monotonic()
        standing, usual = respond(drawn[:rows], ())
        spent, sizes = time.monotonic() - begun, [rows]
        for size in (size for size in SMALL if size < rows):
            if time.monotonic() - begun > LONGEST:
                break
            if _agree(respond, drawn, size, standing, usual):
                sizes.append(size)
                break
        left = LONGEST - (time.monotonic() - begun)
        if spent * LARGE_COSTS < left and _agrees_large(respond, drawn, rows, standing, usual):
            sizes.append(LARGE * rows)
    except PreforgetError:
        return None
    return standing, tuple(sorted(sizes))


def _agree(respond: Respond, drawn: Any, size: int, standing: Standing, usual: Answers) -> bool:
    """Tell whether small batches at the beginning, in the middle and at the end have the bits of the usual one."""
    count = len(usual.answers)
    for start in sorted({0, (count - size) // 2, count - size}):
        found, answers = respond(drawn[start : start + size], ())
        if found != standing or bits(answers) != bits(usual, start, start + size):
            return False
    return True


def _agrees_large(respond: Respond, drawn: Any, rows: int, standing: Standing, usual: Answers) -> bool:
    """Tell whether a large batch has the bits of usual ones, of its first and of its last rows."""
    found, large = respond(drawn, ())
    end, last = respond(drawn[len(drawn) - rows :], ())
    return (
        found == end == standing
        and bits(large, 0, rows) == bits(usual)
        and bits(large, len(drawn) - rows, len(drawn)) == bits(last)
    )


def bits(answers: Answers, start: int = 0, stop: int | None = None) -> tuple[bytes, ...]:
    """Return all numbers of some answers, as they lie in memory."""
    numbers = (answers.probabilities, answers.confidence, answers.limit, answers.known)
    return tuple(np.ascontiguousarray(each[start:stop]).tobytes() for each in numbers if each is not None)
