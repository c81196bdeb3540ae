"""Learn one more class, more subjects of known ones, or anew what a forgetting has dropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from preforget.classifier.bound import Begun, destroy
from preforget.classifier.labels import as_text, check_fits, name_of, names_of_some
from preforget.classifier.learning import Learning, check_names, usable_subjects
from preforget.classifier.turns import learns
from preforget.core.errors import DataError, UsageError
from preforget.core.keep import Keep, as_keep
from preforget.core.names import same_name
from preforget.data import Split, as_split, check_trainable
from preforget.data.dataset import names_of
from preforget.data.hf_dataset import is_dataset, split_of
from preforget.data.hold_out import hold_out
from preforget.data.odd_arrays import warn_of_odd
from preforget.engines.base import Engine, Session
from preforget.store.manifest import FORMAT

R = TypeVar("R")


class Adding(Learning):
    """The part of the classifier that learns more after `fit`."""

    @learns
    def add(
        self,
        label: Any,
        X: Any,
        y: Any = None,
        validation: Any = None,
        *,
        more: bool = False,
        subjects: Any = None,
        cache_dir: str | Path | None = None,
        keep_similar_names: bool = False,
        progress: bool = False,
    ) -> Self:
        """Learn more classes, or with `more` further inputs of known ones; what was learned of others isn't touched.

        The isolated engine forms abstention anew, from what is held out of the inputs of all classes that are given:
        give those of each class that it should go on to be calibrated for, or run `refit` later. Further inputs go
        on from what its record has learned.

        The exact engine needs no inputs of other classes, unless it has pair prompts. Further inputs are added to a
        class's sums: what follows equals, bit for bit, a model that was given all inputs at once. It can't tell that
        inputs were added before: given twice, they count twice.

        In the paper engine the shared adapter stays as it is, so a class that is added later is learned by prompt, row
        and bias alone, and further inputs are refused.

        Args:
            label: The class to learn, as `y` names it, or a list of classes, which are learned together and written
                in one step.
            X: Inputs of these classes and, to tell them apart, of classes that the model knows; those of unknown
                classes are left aside. Or a `Split` with its labels.
            y: `n` labels.
            validation: A `Split` or a pair `(X, y)`; without it a seeded 15 % of each class is held out.
            more: The classes are known, and these are further inputs of them; without it they must be new.
            subjects: `n` names, whom each input is of; for an engine that knows subjects.
            cache_dir: A folder for hidden states, which are kept in memory otherwise.
            keep_similar_names: As in `fit`; the new names are also compared with those that the model knows.
            progress: Whether to show progress on stderr.

        Returns:
            The classifier itself.

        Raises:
            DataError: The inputs or labels can't be used, or a class has none.
            UnknownLabelError: The model doesn't know a class that is to have `more` inputs.
            UsageError: The model has a class already, its engine can't learn more of one, it knows subjects and gets
                none, or an argument can't be used.
            StoreError: The model's folder can't be changed; then neither is the model in memory.

        Example:
            >>> later = np.random.default_rng(1).normal(size=(20, 4)) + 16
            >>> model.add("Zoe", later, ["Zoe"] * 20).classes_.tolist()
            ['Ada', 'Grace', 'Mary', 'Zoe']
        """
        bank = self._fitted().bank
        labels = self._to_be_added(label, more)
        shown = ", ".join(map(repr, labels))
        data = self._data(X, y, subjects, asked=subjects is not None)
        if data.subjects is None and bank.subjects:
            raise UsageError(
                f"the model knows {len(bank.subjects)} subjects, and the inputs of {shown} come without; with them "
                "a subject could no longer be forgotten in all classes. Give one name per input, with subjects= or "
                "--subjects"
            )
        present = names_of(data.labels)
        others = sorted((set(present) & set(bank.attached)) - set(labels))
        for each in labels:
            if each not in present:
                raise DataError(f"the data hold no input of {each!r}; they have: {', '.join(present[:10])}")
        known = [name for name in bank.attached if name not in labels]
        if self.engine_.needs_others and not known and len(labels) == 1:
            raise UsageError(
                f"{shown} can't be added: the model knows no class any more from which it could be told; learn a new "
                "model of two classes or more, with fit() on untrained() or with preforget learn"
            )
        if self.engine_.needs_others and known and not others:
            raise DataError(
                f"to add {shown} the data must also hold inputs of classes that the model knows, such as "
                f"{', '.join(map(repr, known[:3]))}: what is added is learned against them"
            )
        data = data if self.engine_.multilabel else data.only([*labels, *others])
        check_trainable(data, classes=2 if self.engine_.needs_others else 1)
        check_names(data.only(labels), bank.labels, bank.subjects, keep=keep_similar_names)
        train, held_out = hold_out(data, validation, self.engine_.config.seed, set(labels))
        session = Session.of(cache_dir, False, None, progress)
        if more:
            self._learn_aside(lambda engine: engine.add_more(labels, train, held_out, session), "more")
        else:
            self._learn_aside(lambda engine: engine.add(labels, train, held_out, session))
        return self

    def _to_be_added(self, given: Any, more: bool) -> list[str]:
        """Return the names of one class or of several, as the model has them if it is to know them, else as given."""
        bank, labels = self.engine_.bank, names_of_some(given)
        if not labels:
            raise UsageError("no class is named")
        if twice := next((label for label in labels if labels.count(label) > 1), None):
            raise UsageError(f"class {twice!r} is named twice")
        if more:
            return sorted(bank.known_as(label) for label in labels)
        for label in labels:
            check_fits(label, self._label_kind)
            if same_name(label, bank.labels) is not None:
                raise UsageError(
                    f"the model already has class {label!r}; forget it first, choose another name, or add further "
                    "inputs to it with more=True or --more"
                )
        return sorted(labels)

    @learns
    def add_subject(
        self,
        X: Any,
        y: Any = None,
        subjects: Any = None,
        validation: Any = None,
        *,
        keep_similar_names: bool = False,
        progress: bool = False,
    ) -> Self:
        """Learn images of subjects that are new to classes that the model knows (exact engine).

        What was derived from those classes is derived anew; pair prompts that this drops come back with `refit`.

        Args:
            X: `n` inputs, or a `Split` with its labels and subjects.
            y: `n` labels, of classes that the model knows.
            subjects: `n` names, whom each input is of.
            validation: A `Split` or a pair `(X, y)`; without it nothing new is held out.
            keep_similar_names: As in `add`.
            progress: Whether to show progress on stderr.

        Returns:
            The classifier itself.

        Raises:
            DataError: Inputs or labels can't be used.
            UnknownLabelError: A class is none of the model's.
            UsageError: The engine knows no subjects, or none are given.
            StoreError: The model's folder can't be changed; then neither is the model in memory.

        Example:
            >>> model.fit(X, y, subjects=["Kim", "Lee"] * 30).add_subject(X[:2] + 1, y[:2], subjects=["Pat"] * 2)
            <PreForgettableClassifier exact on features: 3 classes>
        """
        known = self._fitted().bank
        data = self._data(X, y, subjects, asked=True)
        for label in sorted(set(names_of(data.labels)) - set(known.labels)):
            raise known.unknown(label)
        if data.subjects is None:
            raise UsageError("subjects are missing: give one name per input")
        check_names(data, known.labels, known.subjects, keep=keep_similar_names)
        train, held_out = hold_out(data, validation, self.engine_.config.seed, ())
        session = Session.of(None, False, None, progress)
        self._learn_aside(lambda engine: engine.add_subject(train, held_out, session))
        return self

    @learns
    def refit(
        self,
        X: Any,
        y: Any = None,
        validation: Any = None,
        *,
        subjects: Any = None,
        cache_dir: str | Path | None = None,
        progress: bool = False,
    ) -> int:
        """Learn again what forgetting or adding has dropped.

        In the exact engine these are pair prompts. The isolated engine forms abstention and probabilities anew from the
        inputs that are held out: for classes that lost theirs when another was added, and for models of versions that
        kept none. In a folder that was upgraded, what the older format lacked is read anew.

        Args:
            X: The inputs that the model was learned from, or a `Split`; what it no longer knows is left aside.
            y: `n` labels.
            validation: What was held out then; it is not learned from.
            subjects: `n` names, whom each input is of.
            cache_dir: A folder for hidden states, which are kept in memory otherwise.
            progress: Whether to show progress on stderr.

        Returns:
            How many pairs were learned.

        Raises:
            DataError: Inputs or labels can't be used.
            UsageError: An argument can't be used.
            StoreError: The model's folder can't be changed; then neither is the model in memory.

        Example:
            >>> model.refit(X, y)  # the closed form learns no pairs
            0
        """
        self._fitted()
        data = self._data(X, y, subjects, asked=subjects is not None)
        train, held_out = hold_out(data, validation, self.engine_.config.seed, ())
        session = Session.of(cache_dir, False, None, progress)

        current = self.folder is None or self.folder.manifest.format == FORMAT

        def learn(engine: Engine) -> int:
            if current:
                engine.renew(engine.retained(train), engine.retained(held_out), session)
            engine.recalibrate(engine.retained(held_out))
            return engine.refit(engine.retained(train), session)

        return self._learn_aside(learn)

    def _data(self, X: Any, y: Any, subjects: Any, *, asked: bool) -> Split:
        """Return checked data with labels as names."""
        engine = self._fitted()
        is_read = isinstance(X, Split)  # with remarks on what is odd
        X = split_of(X) if y is None and is_dataset(X) else X
        if isinstance(X, Split):
            X = replace(X, labels=as_text(X.labels))
        split = as_split(X, y if y is None else as_text(y), subjects, kind=engine.encoder.kind)
        if not is_read:
            warn_of_odd({"X": split}, stacklevel=3)
        return usable_subjects(engine, split, asked=asked)

    def _learn_aside(
        self, learn: Callable[[Engine], R], event: str = "add", names: Mapping[str, str] | None = None
    ) -> R:
        """Let an engine that knows the same learn more, then answer with it; if that fails, all is as it was.

        `event`, `names`: see `_write`; the engine that learns begins with classes named so.
        """
        twin = self.engine_.twin() if names is None else self._named_anew(names)
        try:
            result = learn(twin)
            with self._turns.gate:
                self._turns.wait_for_others()
                self._all_or_nothing(Begun(), partial(self._take, twin, event, names))
        except BaseException:  # what was learned so far must not stay in memory
            destroy(twin.records(), kept=self.engine_.records())
            raise
        return result

    def _named_anew(self, names: Mapping[str, str]) -> Engine:
        """Return an engine that has learned the same, with classes named as `names` says."""
        engine = self.engine_
        records = engine.records()
        for old, new in names.items():
            records = engine.renamed(records, old, new)
        other = type(engine)(engine.encoder, engine.config)
        other.restore(records, engine.shared_tensors())
        for label in engine.bank.labels:
            if engine.bank.is_detached(label):
                other.bank.detach(names.get(label, label))
        return other

    def _take(self, engine: Engine, event: str, names: Mapping[str, str] | None) -> None:
        """Write what an engine knows to the folder, and answer with it from here on."""
        self._write(engine, event, names)
        former, self.engine_ = self.engine_, engine
        destroy(former.records(), kept=engine.records())
        if names is not None and not isinstance(self.keep, float):
            keep = as_keep(self.keep, name_of)
            single = {names.get(label, label): share for label, share in keep.classes.items()}
            self.keep = Keep(float(keep), single) if single else self.keep
        self._drop_keep()
