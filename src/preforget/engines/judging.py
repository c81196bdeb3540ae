"""What closed-form heads say of the held-out images of the classes that they score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from preforget.engines.coverage import Values
from preforget.engines.derive import Derived
from preforget.engines.heads import Heads
from preforget.engines.judged import Judged
from preforget.records import UnitBank

ROWS_AT_ONCE = 2048


def judge(heads: Heads, names: tuple[str, ...], bank: UnitBank, derived: Derived) -> Judged:
    """Return scores and confidence of the held-out images of all classes, `names` in the order of `heads`."""
    layout = bank.layout
    parts = [bank.held_out(label) for label in names]
    none = torch.empty(0, layout.width, dtype=torch.int16)
    pieces = torch.cat([none, *parts]).split(ROWS_AT_ONCE * layout.views)
    scored = [layout.scored(rows) for rows in pieces]
    scores = torch.cat([heads.scores(read) for read in scored]).numpy()
    near = [derived.near_rows(rows) for rows in pieces]
    sure = [heads.confidence(*both) for both in zip(scored, near, strict=True)]
    truth = np.repeat(np.arange(len(names)), [len(part) // layout.views for part in parts])
    return Judged(names, scores, torch.cat(sure).float().numpy(), truth)


def as_unknown(heads: Heads, names: Sequence[str], bank: UnitBank, derived: Derived) -> Values:
    """Return the confidence of held-out images by heads that leave out the class of each, `[n]`."""
    sure = [np.zeros(0)]
    for column, label in enumerate(names if len(names) > 1 else ()):
        rows = bank.held_out(label)
        left = heads.without(column)
        sure.append(left.confidence(bank.layout.scored(rows), derived.near_rows(rows)).double().numpy())
    return np.concatenate(sure)
