"""Learn all classes of a data set at once, and what to learn them from."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from preforget.backbones.checked import checked
from preforget.backbones.vectors import FEATURES
from preforget.classifier.bound import Bound
from preforget.classifier.labels import TEXT, as_text, kind_of
from preforget.classifier.making import check_answering, make_engine
from preforget.classifier.turns import learns
from preforget.core.errors import InputsCutWarning, UsageError
from preforget.data import Split, as_inputs, as_split, check_trainable
from preforget.data.content_names import EACH, wants_each
from preforget.data.dataset import names_of
from preforget.data.hf_dataset import is_dataset, refuse_parts, split_of
from preforget.data.hold_out import hold_out
from preforget.data.labels import check_look_alikes
from preforget.data.odd_arrays import warn_of_odd
from preforget.data.one_hot import from_frame, single_labels
from preforget.data.vectors import Vectors
from preforget.engines import Engine, Session, for_multilabel
from preforget.training.checkpoint import CheckpointFile


class Learning(Bound):
    """The part of the classifier that learns."""

    @learns
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
        checkpoint: str | Path | CheckpointFile | None = None,
        keep_similar_names: bool = False,
        progress: bool = False,
    ) -> Self:
        """Learn all classes and calibrate abstention.

        A `fit` that fails or is interrupted leaves the model as it was. A model in memory may be fitted again and
        learns anew; one that is bound to a folder may not, so that no folder is emptied by accident.

        Args:
            X: Images `uint8 [n, height, width]` or `[n, height, width, 3]`, `Sounds`, a list of `n` paths, or with
                their labels a `Split` or a `Dataset` of the library `datasets`; with the backbone `"features"` numbers
                `[n, d]`.
            y: `n` labels, whole numbers, booleans or text; or several per input: a 0/1 matrix, or `n` lists. A matrix
                with exactly one 1 in each row means one label per input. A column or a table of pandas is taken, too.
            validation: What abstention is calibrated on, a `Split` or a pair `(X, y)`; without it a seeded 15 % of
                each class is held out.
            subjects: Whom each input is of, `n` names; in the exact engine a subject can then be forgotten by itself.
                `"each"` makes every input a subject, which `forget_input` forgets.
            conditions: The names of the columns of a 0/1 matrix.
            cache_dir: A folder for a file of hidden states, which are else kept in memory; removed at the end.
            keep_cache: Leave that file there for the next learning.
            checkpoint: A file from which an interrupted `fit` goes on; `save_pretrained` removes it. The exact engine
                has one of its pair prompts alone: what comes before takes one pass.
            keep_similar_names: Take names that look alike, such as `"Anna"` and `"anna"`, for those of two classes or
                two subjects; without it they are refused, since people take the one for the other.
            progress: Show progress on stderr.

        Returns:
            The model itself.

        Raises:
            DataError: Inputs or labels can't be learned from, or two names look alike.
            UsageError: A parameter can't be used, or the model is bound to a folder.
            BackboneError: The backbone can't be loaded.
            StoreError: The cache or the checkpoint can't be written.

        Example:
            >>> import numpy as np
            >>> X = np.random.default_rng(0).normal(size=(40, 4)) + np.repeat([[0.0], [5.0]], 20, axis=0)
            >>> y = np.repeat([7, 9], 20)
            >>> from preforget import PreForgettableClassifier
            >>> model = PreForgettableClassifier("features", "exact").fit(X, y)
            >>> model.classes_.tolist(), model.score(X, y)
            ([7, 9], 1.0)
        """
        self._check_unlearned()
        engine, train, held_out, label_kind = self._to_learn(
            X, y, validation, subjects, conditions, keep_similar_names
        )
        session = Session.of(cache_dir, keep_cache, checkpoint, progress)
        try:
            engine.learn(train, held_out, session)
        except BaseException:  # what was learned so far must not stay in memory
            engine.clear()
            raise
        with self._turns.gate:
            self._turns.wait_for_others()
            self._begin(engine, session, label_kind)
        return self

    def _check_unlearned(self) -> None:
        if self.folder is not None:
            raise UsageError(
                "this model has already learned and is bound to its folder; take untrained() to learn anew, or "
                "add() for one more class"
            )

    def _to_learn(
        self, X: Any, y: Any, validation: Any, subjects: Any, conditions: Any, keep_similar_names: bool
    ) -> tuple[Engine, Split, Split, str]:
        """Return an engine that has learned nothing, what it learns from, what is held out, and the kind of labels."""
        check_answering(self.keep, self.on_unknown, self.shortlist)
        refuse_parts(X)
        is_read = isinstance(X, Split)  # with remarks on what is odd, and copies
        X = split_of(X) if y is None and is_dataset(X) else X
        y, columns = from_frame(y)
        conditions = columns if conditions is None and getattr(y, "ndim", 1) == 2 else conditions
        labels = single_labels(y, conditions)
        one_hot, y = labels is not y, labels
        X, y, label_kind = _with_names(X, y)
        vectors = as_inputs(X, "vectors") if self.backbone == FEATURES else None
        width = vectors.width if isinstance(vectors, Vectors) else None
        encoder = checked(self._load_encoder(width))
        engine = make_engine(encoder, self.engine, self.seed, self._options)
        train = as_split(X, y, subjects, None if one_hot else conditions, kind=encoder.kind)
        if train.multilabel:
            engine, label_kind = for_multilabel(engine), TEXT
        train = usable_subjects(engine, train, asked=subjects is not None)
        check_trainable(train)
        check_names(train, keep=keep_similar_names)
        remark = encoder.remark(train.inputs)
        if remark is not None:
            warnings.warn(remark, InputsCutWarning, stacklevel=3)
        if isinstance(validation, tuple | list) and len(validation) == 2:
            held_out_labels = from_frame(validation[1])[0]
            if one_hot:
                held_out_labels = single_labels(held_out_labels, conditions)
            validation = (validation[0], as_text(held_out_labels))
        all_inputs = train
        train, held_out = hold_out(
            train,
            validation,
            engine.config.seed,
            conditions=None if one_hot else conditions,
            subjects=EACH if wants_each(subjects) else None,
        )
        if not is_read:
            parts = {"X": all_inputs} if validation is None else {"X": train, "validation": held_out}
            warn_of_odd(parts, stacklevel=3)
        return engine, train, held_out, label_kind


def usable_subjects(engine: Engine, data: Split, *, asked: bool) -> Split:
    """Return data whose subjects the engine can use; raises `UsageError` if it can't and was asked to."""
    if data.subjects is None or engine.knows_subjects:
        return data
    if asked:
        raise engine.no_subjects()
    return replace(data, subjects=None)


def check_names(
    data: Split, labels: Collection[str] = (), subjects: Collection[str] = (), *, keep: bool
) -> None:
    """Raise `DataError` for names in the data that look alike or like one of the model's, unless they are to be kept.

    `labels`, `subjects`: the names that the model knows.
    """
    check_look_alikes(names_of(data.labels), labels, keep=keep)
    if data.subjects is not None:
        check_look_alikes(set(data.subjects), subjects, what="subject", keep=keep)


def _with_names(X: Any, y: Any) -> tuple[Any, Any, str]:
    """Return inputs, labels as names or as they were, and the kind of the labels."""
    if isinstance(X, Split):
        return replace(X, labels=as_text(X.labels)), y, kind_of(X.labels)
    if y is None:
        raise UsageError(
            "labels are missing: fit requires y to be passed, but the target y is None; give one class per input"
        )
    if not hasattr(y, "__len__") and hasattr(y, "__array__"):
        y = np.asarray(y)
    if isinstance(y, np.ndarray) and y.ndim == 2 and y.shape[1] == 1:
        from sklearn.exceptions import DataConversionWarning

        warnings.warn(
            "A column-vector y was passed when a 1d array was expected; y.ravel() is learned from",
            DataConversionWarning,
            stacklevel=5,
        )
        y = y[:, 0]
    one_each = hasattr(y, "__len__") and not isinstance(y, str) and getattr(y, "ndim", 1) == 1
    return X, as_text(y), kind_of(y) if one_each else TEXT
