"""The public class: a frozen backbone, an engine with its records, and a place on disk."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.backbones import load_backbone
from preforget.backbones.precision import choose_device, choose_dtype
from preforget.core.abstain import ABSTAIN
from preforget.core.errors import DataError, NotFittedError, StoreError, UsageError
from preforget.data import Split, as_inputs, as_split, check_trainable
from preforget.data.dataset import names_of
from preforget.data.hold_out import hold_out
from preforget.engines import CHOICES, ENGINES, for_multilabel
from preforget.engines.base import Engine, Scores, Session
from preforget.engines.shortlist import whole_shortlist
from preforget.erasure import Erasure, open_folder
from preforget.erasure import forget as erase
from preforget.erasure.copies import add_copy
from preforget.store import ModelFolder
from preforget.store.binding import fill, manifest_of
from preforget.store.folder import KeyringPlace


class PreForgettableClassifier:
    """A classifier on a frozen encoder whose classes can be forgotten, detached, attached and added one by one.

    `backbone`: `builtin`, a checkpoint folder or a hub id; `engine`: `isolated`, `exact` or `paper`; `image_size`:
    pixels, a multiple of the patch, None for the checkpoint's own; `keep`: the share of known inputs that is to be
    answered, from which the abstention threshold follows; `shortlist`: for large banks, let `predict` score only that
    many promising classes of each image, 0 for all; `device`, `dtype`: `auto` chooses; further options are
    the engine's (`epochs`, `tokens_per_class`, ...). Raises `UsageError` and `BackboneError`.

    Once saved or loaded, the model stays bound to its folder: `forget`, `detach`, `attach` and `add` change both.
    """

    def __init__(
        self,
        backbone: str = "builtin",
        engine: str = "isolated",
        image_size: int | None = None,
        seed: int = 0,
        *,
        keep: float = 0.95,
        shortlist: int = 0,
        device: str = "auto",
        dtype: str = "auto",
        revision: str | None = None,
        **options: Any,
    ) -> None:
        if engine not in ENGINES:
            raise UsageError(f"unknown engine {engine!r}; choose one of: {', '.join(CHOICES)}")
        if isinstance(keep, bool) or not isinstance(keep, (int, float)) or not 0 < keep < 1:
            raise UsageError(f"keep must be a share between 0 and 1, got {keep!r}")
        self.keep = float(keep)
        self.shortlist = whole_shortlist(shortlist)
        self.folder: ModelFolder | None = None
        self._learned = False
        self._session = Session()
        kind = ENGINES[engine]
        config = kind.config_type.from_options({"seed": seed, **options})
        encoder = load_backbone(
            backbone, image_size=image_size, device=device, dtype=dtype, revision=revision
        )
        self.engine: Engine = kind(encoder, config)

    def __repr__(self) -> str:
        """Name engine, backbone and the number of classes, no label."""
        e = self.engine
        return f"<PreForgettableClassifier {e.name} on {e.encoder.identity.id}: {len(e.bank)} classes>"

    @property
    def classes_(self) -> list[str]:
        """The labels that can be answered, sorted; columns of `scores` and `predict_proba` follow them."""
        return self.engine.bank.attached

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
    ) -> PreForgettableClassifier:
        """Learn all classes and calibrate abstention.

        `X`: `uint8 [n, h, w]` or `[n, h, w, 3]`, `Sounds`, a list of paths, or a `Split` with its labels; `y`: `n`
        labels, or several per input: a 0/1 matrix, its columns named by `conditions`, or `n` lists; `validation`: a
        `Split` or a pair `(X, y)`; without it a seeded 15 % of each class is held out.
        `subjects`: whom each image is of, `n` names; in the exact engine a subject can then be forgotten by itself.
        `cache_dir`: hidden states in a file there instead of memory, removed at the end unless `keep_cache`;
        `checkpoint`: a file from which an interrupted `fit` goes on (the exact engine takes one pass and has none);
        `save_pretrained` removes it. Raises `DataError`, `UsageError`, `StoreError`.
        """
        if self._learned or len(self.engine.bank):
            raise UsageError(
                "this model has already learned; make a new one, or use add() for one more class"
            )
        train = as_split(X, y, subjects, conditions)
        if train.multilabel:
            self.engine = for_multilabel(self.engine)
        train = self._with_subjects(train, asked=subjects is not None)
        check_trainable(train)
        train, held_out = hold_out(train, validation, self.engine.config.seed, conditions=conditions)
        session = Session.of(cache_dir, keep_cache, checkpoint, progress)
        try:
            self.engine.learn(train, held_out, session)
        except BaseException:  # a model that is not calibrated would answer wrongly
            self.engine.clear()
            raise
        self._learned = True
        self._session = session
        return self

    def add(
        self,
        label: str,
        X: Any,
        y: Any = None,
        validation: Any = None,
        *,
        subjects: Any = None,
        cache_dir: str | Path | None = None,
        progress: bool = False,
    ) -> PreForgettableClassifier:
        """Learn one more class; the records of the others are not touched.

        The data hold images of `label` and, to tell it from them, images of classes that the model knows; images
        of unknown classes are left aside. The exact engine needs no others, unless it has pair prompts. In the paper
        engine the shared adapter stays as it is, so a class that is added later is learned by prompt, row and bias
        alone. Raises as `fit`.
        """
        label = str(label)
        bank = self._fitted().bank
        if label in bank:
            raise UsageError(
                f"the model already has class {label!r}; forget it first, or choose another name"
            )
        data = self._with_subjects(as_split(X, y, subjects), asked=subjects is not None)
        present = names_of(data.labels)
        others = sorted(set(present) & set(bank.attached))
        if label not in present:
            raise DataError(f"the data hold no image of {label!r}; they have: {', '.join(present[:10])}")
        if not others and self.engine.needs_others:
            raise DataError(
                f"to add {label!r} the data must also hold images of classes that the model knows, "
                f"such as {', '.join(map(repr, bank.attached[:3]))}: the new class is learned against them"
            )
        data = data if self.engine.multilabel else data.only([label, *others])
        check_trainable(data, classes=2 if self.engine.needs_others else 1)
        train, held_out = hold_out(data, validation, self.engine.config.seed, {label})
        try:
            self.engine.add(label, train, held_out, Session.of(cache_dir, False, None, progress))
            self._write()
        except BaseException:
            if label in bank:
                self.engine.forget(label)
            raise
        return self

    def add_subject(
        self, X: Any, y: Any = None, subjects: Any = None, validation: Any = None, *, progress: bool = False
    ) -> PreForgettableClassifier:
        """Learn images of subjects that are new to classes that the model knows (exact engine).

        What was derived from those classes is derived anew; pair prompts that this drops come back with `refit`.
        Raises as `fit`, and `UnknownLabelError` for a class that the model doesn't know.
        """
        known = self._fitted().bank
        data = self._with_subjects(as_split(X, y, subjects), asked=True)
        for label in sorted(set(names_of(data.labels)) - set(known.labels)):
            raise known.unknown(label)
        if data.subjects is None:
            raise UsageError("subjects are missing: give one name per image")
        train, held_out = hold_out(data, validation, self.engine.config.seed, ())
        with self._all_or_nothing():
            self.engine.add_subject(train, held_out, Session.of(None, False, None, progress))
        return self

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
        """Learn again the pair prompts that forgetting or adding a subject has dropped; return how many.

        The data are those that the model was learned from; what it no longer knows is left aside. Raises as `fit`.
        """
        self._fitted()
        data = self._with_subjects(as_split(X, y, subjects), asked=subjects is not None)
        train, _ = hold_out(data, validation, self.engine.config.seed, ())
        with self._all_or_nothing():
            return self.engine.refit(
                self.engine.retained(train), Session.of(cache_dir, False, None, progress)
            )

    def scores(self, X: Any) -> Scores:
        """Return `float32 [n, classes]`; in the isolated engine no column depends on another class."""
        return self._fitted().scores(as_inputs(X))

    def predict_proba(self, X: Any) -> Scores:
        """Return `float32 [n, classes]`; what a row lacks to 1 is the probability of "none of them"."""
        return self._fitted().probabilities(self.scores(X))

    def predict(self, X: Any, *, without: Sequence[str] = ()) -> npt.NDArray[np.object_]:
        """Return `[n]` labels, or `ABSTAIN` where the model is less sure than its threshold.

        With several labels per input: `[n]` tuples of those that reach their own threshold, `ABSTAIN` for none.
        `without`: a class or several to leave out of this request alone. Raises `UnknownLabelError` for one it
        doesn't hold.
        """
        answers, _ = self.predict_with_confidence(X, without=without)
        return answers

    def predict_with_confidence(
        self, X: Any, *, without: Sequence[str] = ()
    ) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.float32]]:
        """Return `predict`'s answers and the probability `[n]` of each best class."""
        answers, _, probabilities = self.answer(X, without=without)
        return answers, probabilities.max(axis=1, initial=0.0)

    def answer(
        self, X: Any, *, without: Sequence[str] = ()
    ) -> tuple[npt.NDArray[np.object_], list[str], Scores]:
        """Return `predict`'s answers, the labels that could be answered, and their probabilities `[n, labels]`."""
        engine = self._fitted()
        left_out = {without} if isinstance(without, str) else {str(label) for label in without}
        for label in sorted(left_out - set(engine.bank.labels)):
            raise engine.bank.unknown(label)
        labels = [label for label in engine.bank.attached if label not in left_out]
        inputs = as_inputs(X)
        if not labels:
            none = np.zeros((len(inputs), 0), dtype=np.float32)
            return np.full(len(inputs), ABSTAIN, dtype=object), labels, none
        scores, confidence = engine.evaluate(inputs, labels, self.shortlist)
        answers = engine.answers(scores, confidence, labels, self.keep)
        return answers, labels, engine.probabilities(scores)

    def forget(self, label: str, reason: str | None = None, grounds: str | None = None) -> Erasure:
        """Destroy all that the model holds about a class, in memory and in its folder; it can't be undone.

        `reason`, such as the number of a request, and legal `grounds` go into the signed receipt, so they must not
        name anybody. Raises `UnknownLabelError` for a label it doesn't hold, `UsageError`, `StoreError` if the folder
        can't be changed, `IntegrityError` if something of it is found in the folder afterwards.
        """
        return erase(self._fitted(), self.folder, label=str(label), reason=reason, grounds=grounds)

    def forget_subject(self, subject: str, reason: str | None = None, grounds: str | None = None) -> Erasure:
        """Destroy all that the model holds about one subject, in all classes (exact engine); it can't be undone.

        Raises as `forget`, and `UsageError` in engines that know no subjects.
        """
        return erase(self._fitted(), self.folder, subject=str(subject), reason=reason, grounds=grounds)

    def detach(self, label: str) -> None:
        """Leave a class out of all answers until `attach`; raises `UnknownLabelError`."""
        self._set_detached(str(label), True)

    def attach(self, label: str) -> None:
        """Take a detached class back into the answers; raises `UnknownLabelError`."""
        self._set_detached(str(label), False)

    def save_pretrained(
        self, path: str | Path, *, sealed: bool = False, keyring: KeyringPlace = None
    ) -> None:
        """Write the model folder, whole or not at all, and bind the model to it.

        `sealed`: encrypt each record with a key of its own, kept in `keyring` outside the folder. Raises `StoreError`
        if something is there already; saving to its own folder changes nothing. A folder to which it was saved before
        stays as it is, and what is forgotten later is not forgotten there; it is listed as a copy, like a kept cache.
        """
        engine, place = self._fitted(), Path(path).expanduser()
        if self.folder is not None and place.resolve() == self.folder.path.resolve() and place.exists():
            return
        manifest = manifest_of(engine, self.keep, sealed)
        before, origin = self.folder, None
        if before is not None and before.path.exists():
            before.check_current()  # else a class that another process has forgotten would come back
            origin = {"model": before.manifest.model, **before.ledger.head().as_dict()}
        records, shared = engine.records(), engine.shared_tensors()
        self.folder = ModelFolder.create(place, manifest, records, shared, keyring, origin)
        if before is not None and origin is not None:
            if before.is_writable():
                before.commit("export", {"model": manifest.model})
            add_copy(self.folder, "export", str(before.path), sealed=False)
        session = self._session
        if session.cache_dir is not None and session.keep_cache and session.cache_dir.exists():
            add_copy(self.folder, "cache", str(session.cache_dir.absolute()))
        if session.checkpoint is not None:
            session.checkpoint.unlink(missing_ok=True)

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path,
        *,
        backbone: str | None = None,
        device: str = "auto",
        dtype: str | None = None,
        shortlist: int = 0,
        keyring: KeyringPlace = None,
    ) -> PreForgettableClassifier:
        """Load a model folder and bind to it; `backbone` says where the checkpoint lies now, if it was moved.

        Ends an erasure that was cut off. Raises `IntegrityError` for a damaged folder, `StoreError` for a missing
        one, `BackboneError` if the backbone is another one.
        """
        folder = open_folder(Path(path).expanduser(), keyring)
        manifest, wanted = folder.manifest, folder.manifest.backbone
        # checked here, so that the manifest isn't blamed for the caller's slip
        choose_dtype(dtype or "auto", choose_device(device))
        whole_shortlist(shortlist)
        try:
            model = cls(
                backbone or wanted["id"],
                manifest.engine,
                wanted["image_size"],
                keep=manifest.keep,
                shortlist=shortlist,
                device=device,
                dtype=dtype or wanted["dtype"],
                revision=None if backbone else wanted["revision"],
                **manifest.options,
            )
        except (UsageError, TypeError) as error:
            raise StoreError(
                f"{path} doesn't fit its backbone, or its manifest is damaged: {error}"
            ) from error
        fill(model.engine, folder, backbone)
        model.folder, model._learned = folder, True
        return model

    def untrained(self, seed: int | None = None) -> PreForgettableClassifier:
        """Return a model with the same backbone and configuration, or another `seed`, that has learned nothing."""
        e, other = self.engine, copy.copy(self)
        other.engine = type(e)(e.encoder, e.config if seed is None else replace(e.config, seed=seed))
        other.folder, other._session, other._learned = None, Session(), False
        return other

    def _fitted(self) -> Engine:
        if not self._learned and not len(self.engine.bank):
            raise NotFittedError("the model has learned nothing yet; call fit() first")
        return self.engine

    def _with_subjects(self, data: Split, *, asked: bool) -> Split:
        """Return data whose subjects the engine can use; raises `UsageError` if it can't and was asked to."""
        if data.subjects is None or self.engine.knows_subjects:
            return data
        if asked:
            raise self.engine.no_subjects()
        return replace(data, subjects=None)

    @contextlib.contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Write what happened to the folder, or go back in memory to what was there before."""
        before = self.engine.records()
        try:
            yield
            self._write()
        except BaseException:
            self.engine.take_back(before)
            raise

    def _write(self) -> None:
        """Bring the folder, if there is one, to what is in memory, as one step."""
        if self.folder is None:
            return
        records = {record.id: record for record in self.engine.records()}
        old = self.folder.manifest.records
        self.folder.change(
            add=[record for i, record in records.items() if i not in old],
            erase=[i for i in old if i not in records],
        )

    def _set_detached(self, label: str, detached: bool) -> None:
        bank = self._fitted().bank
        own = set(bank.ids(label))
        away = {i for name in bank.labels if bank.is_detached(name) for i in bank.ids(name)} - own
        if self.folder is not None:
            self.folder.set_detached([*(away | own if detached else away)])
        (bank.detach if detached else bank.attach)(label)
