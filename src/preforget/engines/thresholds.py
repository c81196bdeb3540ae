"""Where to cut a condition's score into yes and no, found on inputs that were not learned from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from preforget.core.abstain import ABSTAIN
from preforget.data.dataset import Labels

EVEN_ODDS = 0.0
"""The log-odds of probability one half."""


def best_threshold(positive: npt.ArrayLike, every: npt.ArrayLike) -> float:
    """Return the score that best tells the inputs with a condition among `every` input, by F1.

    `positive`: scores of those that have it, part of `every`. The threshold lies in the middle between the lowest score
    that reaches it and the next below; of equally good ones it is the highest. Even odds where there are no positives.

    >>> best_threshold([3.0, 2.0], [3.0, 2.0, 1.0, 0.0])
    1.5
    """
    positives = np.sort(np.asarray(positive, dtype=np.float64))[::-1]
    scores = np.sort(np.asarray(every, dtype=np.float64))
    if not len(positives):
        return EVEN_ODDS
    cuts = np.unique(positives)[::-1]
    answered = len(scores) - np.searchsorted(scores, cuts, side="left")
    right = np.searchsorted(-positives, -cuts, side="right")
    cut = float(cuts[np.argmax(2 * right / (answered + len(positives)))])
    below = scores[scores < cut]
    return (cut + float(below[-1])) / 2 if len(below) else cut


def names_above(scores: npt.NDArray[np.floating], cuts: npt.ArrayLike, labels: Sequence[str]) -> Labels:
    """Return for each input the tuple of `labels` whose score reaches its cut, or `ABSTAIN` where none does.

    >>> names_above(np.array([[1.0, 3.0], [0.0, 0.0]]), [0.5, 2.0], ["a", "b"]).tolist()
    [('a', 'b'), ABSTAIN]
    """
    answers = np.empty(len(scores), dtype=object)
    for row, reached in enumerate(scores >= np.asarray(cuts)):
        names = tuple(label for label, yes in zip(labels, reached, strict=True) if yes)
        answers[row] = names or ABSTAIN
    return answers
