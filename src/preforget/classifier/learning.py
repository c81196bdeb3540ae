"""Learn all classes of a data set at once, and what to learn them from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from preforget.classifier.state import State
from preforget.core.errors import UsageError
from preforget.data import Split, as_split, check_trainable
from preforget.data.hold_out import hold_out
from preforget.engines import for_multilabel
from preforget.engines.base import Session


class Learning(State):
    """The part of the classifier that learns."""

    def fit(
        self,
        X: Any,
        y: Any = None,
        validation: Any = None,
        *,
        subjects: Any = None,
        conditions: Sequence[str] | None = None,
        cache_dir: str | Path | None = None,
        keep_cache: bool = False,
        checkpoint: str | Path | None = None,
        progress: bool = False,
    ) -> Self:
        """Learn all classes and calibrate abstention.

        `X`: `uint8 [n, h, w]` or `[n, h, w, 3]`, `Sounds`, a list of paths, or a `Split` with its labels; `y`: `n`
        labels, or several per input: a 0/1 matrix, its columns named by `conditions`, or `n` lists; `validation`: a
        `Split` or a pair `(X, y)`; without it a seeded 15 % of each class is held out.
        `subjects`: whom each image is of, `n` names; in the exact engine a subject can then be forgotten by itself.
        `cache_dir`: hidden states in a file there instead of memory, removed at the end unless `keep_cache`;
        `checkpoint`: a file from which an interrupted `fit` goes on (the exact engine takes one pass and has none);
        `save_pretrained` removes it. Raises `DataError`, `UsageError`, `StoreError`.
        """
        if self._learned or len(self.engine_.bank):
            raise UsageError(
                "this model has already learned; make a new one, or use add() for one more class"
            )
        train = as_split(X, y, subjects, conditions)
        if train.multilabel:
            self.engine_ = for_multilabel(self.engine_)
        train = self._with_subjects(train, asked=subjects is not None)
        check_trainable(train)
        train, held_out = hold_out(train, validation, self.engine_.config.seed, conditions=conditions)
        session = Session.of(cache_dir, keep_cache, checkpoint, progress)
        try:
            self.engine_.learn(train, held_out, session)
        except BaseException:  # a model that is not calibrated would answer wrongly
            self.engine_.clear()
            raise
        self._learned = True
        self._session = session
        return self

    def _with_subjects(self, data: Split, *, asked: bool) -> Split:
        """Return data whose subjects the engine can use; raises `UsageError` if it can't and was asked to."""
        if data.subjects is None or self.engine_.knows_subjects:
            return data
        if asked:
            raise self.engine_.no_subjects()
        return replace(data, subjects=None)
