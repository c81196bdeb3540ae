"""A classifier in memory from another one, or around an engine that has learned."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

from preforget.backbones.pinned import pinned
from preforget.classifier.bound import Bound, copied
from preforget.classifier.labels import TEXT
from preforget.classifier.turns import reads
from preforget.engines import Engine, EngineOptions, Session


class Copying(Bound):
    """The part of the classifier that makes copies of it."""

    @reads
    def untrained(self, seed: int | None = None) -> Self:
        """Return a model with the same parameters, or another `seed`, that has learned nothing.

        It is bound to no folder and shares the frozen backbone, so that it needn't be loaded again.

        Returns:
            The classifier, which `fit` can be called on.

        Example:
            >>> model.untrained(seed=1)
            <PreForgettableClassifier exact on features: 0 classes>
        """
        params = self.get_params(deep=False)
        if seed is not None:
            params["seed"] = seed
            if isinstance(self.engine, EngineOptions):
                params["engine"] = replace(self.engine, seed=seed)
        other = type(self)(**params)
        if self._encoder is not None:
            other._encoder = self._encoder
        return other

    @reads
    def copy(self) -> Self:
        """Return a copy in memory that knows the same and is bound to no folder.

        Its records are its own, so what the copy forgets, learns or detaches leaves this model as it is; the frozen
        backbone is shared. What this model forgets later stays in the copy.

        Returns:
            The copy.

        Raises:
            NotFittedError: Nothing was learned yet.

        Example:
            >>> copy = model.copy()
            >>> copy.forget("Ada").classes_left, len(model.classes_)
            (2, 3)
        """
        engine, other = self._fitted(), self.untrained()
        twin = type(engine)(engine.encoder, engine.config)
        twin.restore(
            [copied(record) for record in engine.records()],
            {name: tensor.clone() for name, tensor in engine.shared_tensors().items()},
        )
        for label in engine.bank.labels:
            if engine.bank.is_detached(label):
                twin.bank.detach(label)
        other._begin(twin, Session(), self._label_kind)
        return other

    @classmethod
    @pinned
    def from_engine(cls, engine: Engine, *, keep: float = 0.95) -> Self:
        """Return a model in memory around an engine that has learned already, with labels that are text.

        Returns:
            The classifier.

        Example:
            >>> PreForgettableClassifier.from_engine(model.engine_).score(X, y)
            1.0
        """
        model = cls(engine.encoder, engine.config, seed=engine.config.seed, keep=keep)
        model._begin(engine, Session(), TEXT)
        return model
