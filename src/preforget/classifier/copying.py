"""A classifier in memory from another one, or around an engine that has learned."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Self

from preforget.classifier.state import State
from preforget.engines.base import Engine, Session


class Copying(State):
    """The part of the classifier that makes copies of it."""

    def untrained(self, seed: int | None = None) -> Self:
        """Return a model with the same backbone and configuration, or another `seed`, that has learned nothing."""
        e, other = self.engine_, copy.copy(self)
        other.engine_ = type(e)(e.encoder, e.config if seed is None else replace(e.config, seed=seed))
        other.folder, other._session, other._learned = None, Session(), False
        return other

    def copy(self) -> Self:
        """Return a copy in memory that knows the same and is bound to no folder.

        Its records are its own, so what the copy forgets, learns or detaches leaves this model as it is; the frozen
        backbone is shared. Raises `NotFittedError`.
        """
        engine, other = self._fitted(), self.untrained()
        other.engine_.restore(
            [
                replace(record, tensors={name: tensor.clone() for name, tensor in record.tensors.items()})
                for record in engine.records()
            ],
            {name: tensor.clone() for name, tensor in engine.shared_tensors().items()},
        )
        for label in engine.bank.labels:
            if engine.bank.is_detached(label):
                other.engine_.bank.detach(label)
        other._learned = True
        return other

    @classmethod
    def from_engine(cls, engine: Engine, *, keep: float = 0.95) -> Self:
        """Return a model in memory around an engine that has learned already."""
        model = cls.__new__(cls)
        model.keep, model.shortlist, model.engine_, model._learned = keep, 0, engine, True
        return model
