"""How much answers tell: everything, the most probable classes, rounded numbers, or labels alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from preforget.classifier.answering import Answers
from preforget.core.abstain import ABSTAIN
from preforget.serve.settings import Settings

LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Telling:
    """What one service tells: `top_k` classes of each input, `decimals` of each number, None for all of them."""

    top_k: int | None = None
    labels_only: bool = False
    decimals: int | None = None

    @classmethod
    def of(cls, settings: Settings) -> Telling:
        """Return what the settings of a service say."""
        return cls(settings.top_k, settings.labels_only, settings.decimals)

    def numbers(self, values: Any) -> np.ndarray:
        """Return numbers as they may be told: rounded, and finite, since JSON knows no infinity."""
        bounded = np.clip(np.nan_to_num(np.asarray(values, dtype=np.float32), nan=0.0), -LARGEST, LARGEST)
        if self.decimals is None:
            return bounded
        return bounded.astype(np.float64).round(self.decimals).astype(np.float32)

    def ranked(self, answers: Answers) -> np.ndarray:
        """Return which labels of each input are told, the most probable ones first, `[n, told]`."""
        order = np.argsort(-answers.probabilities, axis=1, kind="stable")
        return order if self.top_k is None else order[:, : self.top_k]

    def rows(self, answers: Answers) -> list[dict[str, Any]]:
        """Return the answer to each input as plain values."""
        rows: list[dict[str, Any]] = []
        for row, answer in enumerate(answers.answers):
            labels = labels_of(answer)
            told: dict[str, Any] = {"labels": labels, "abstained": answer is ABSTAIN}
            if not self.labels_only:
                known = None if answers.known is None else float(self.numbers(answers.known[row]))
                told |= {
                    "confidence": float(self.numbers(answers.confidence[row])),
                    "threshold": float(self.numbers(answers.limit[row])),
                    "known": known,
                }
            rows.append(told)
        if not self.labels_only:
            order, shares = self.ranked(answers), self.numbers(answers.probabilities)
            for row, told in enumerate(rows):
                told["classes"] = [
                    {"label": answers.labels[column], "probability": float(shares[row, column])}
                    for column in order[row]
                ]
        return rows


def labels_of(answer: Any) -> list[str]:
    """Return the labels of an answer: one, several, or none."""
    if answer is ABSTAIN:
        return []
    return [answer] if isinstance(answer, str) else list(answer)


def as_line(label: str) -> str:
    r"""Return a label as one line, from which `of_line` makes it again.

    >>> as_line("a\nb"), of_line(as_line("a\n\\nb")) == "a\n\\nb"
    ('a\\nb', True)
    """
    return label.replace("\\", "\\\\").replace("\n", "\\n")


def of_line(line: str) -> str:
    """Return the label that `as_line` wrote."""
    return re.sub(r"\\(.)", lambda escaped: "\n" if escaped[1] == "n" else escaped[1], line)
