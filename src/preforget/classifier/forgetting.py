"""Forget a class or a subject, or leave a class out of the answers for a while."""

from __future__ import annotations

from typing import Any

import numpy as np

from preforget.classifier.bound import Begun, Bound
from preforget.classifier.labels import name_of, names_of_some
from preforget.classifier.turns import changes
from preforget.core.names import as_name, normal_name
from preforget.core.paths import given_path
from preforget.data.content_names import content_name
from preforget.engines import Engine
from preforget.erasure import Erasure, Plan, forget, plan_in_memory


class Forgetting(Bound):
    """The part of the classifier that forgets."""

    @changes
    def forget(self, label: Any, reason: str | None = None, grounds: str | None = None) -> Erasure:
        """Destroy all that the model holds about a class, in memory and in its folder; it can't be undone.

        Several at once are one erasure with one receipt, without a state between that could be compared.

        Args:
            label: The class, or a list of several; 3, numpy's 3 and `"3"` are the same.
            reason: Such as the number of a request. It goes into the signed receipt, so it must not name anybody.
            grounds: Legal grounds, which also go into the receipt.

        Returns:
            What was erased and what that promises, and where the signed receipt lies, if the model has a folder.

        Raises:
            UnknownLabelError: The model holds nothing of the class.
            UsageError: The reason names the class.
            StoreError: The folder can't be changed.
            IntegrityError: Something of the class was found in the folder afterwards.

        Example:
            >>> erasure = model.forget("Grace", reason="request 2026-118")
            >>> erasure.what, model.classes_.tolist()
            ('class', ['Ada', 'Mary'])
        """
        return self._forget(names_of_some(label), [], reason, grounds)

    @changes
    def forget_subject(self, subject: Any, reason: str | None = None, grounds: str | None = None) -> Erasure:
        """Destroy all that the model holds about one subject, in all classes (exact engine); it can't be undone.

        Args:
            subject: Whom to forget, as named in `fit`, or a list of several, who are one erasure with one receipt.
            reason: See `forget`.
            grounds: See `forget`.

        Returns:
            What was destroyed, and what that guarantees.

        Raises:
            UnknownLabelError: The model holds nothing of the subject.
            UsageError: The engine knows no subjects.
            StoreError: As in `forget`.
            IntegrityError: As in `forget`.

        Example:
            >>> model = model.fit(X, y, subjects=["Kim", "Lee"] * 30)
            >>> model.forget_subject("Kim").what
            'subject'
        """
        several = isinstance(subject, np.ndarray) and subject.ndim == 1
        several = several or isinstance(subject, list | tuple | set | frozenset)
        names = [as_name(name, "subject") for name in (subject if several else [subject])]
        return self._forget([], names, reason, grounds)

    @changes
    def forget_input(self, path: Any, reason: str | None = None, grounds: str | None = None) -> Erasure:
        """Destroy all that the model holds about single files, which were learned with `subjects="each"`.

        Args:
            path: A file as it was learned, or a list of several, which are one erasure with one receipt. They are
                found by their content, wherever they lie.
            reason: See `forget`.
            grounds: See `forget`.

        Returns:
            What was destroyed, and what that guarantees.

        Raises:
            UnknownLabelError: The model holds nothing of a file of this content.
            UsageError: The engine knows no subjects.
            DataError: The file can't be read.
            StoreError: As in `forget`.
            IntegrityError: As in `forget`.

        Example:
            >>> model.fit(X, y, subjects="each").forget_input("nobody.png")
            Traceback (most recent call last):
            ...
            preforget.core.errors.DataError: nobody.png: can't be opened: No such file or directory
        """
        paths = path if isinstance(path, list | tuple) else [path]
        return self.forget_subject([content_name(given_path(one)) for one in paths], reason, grounds)

    @changes
    def detach(self, label: Any) -> None:
        """Leave a class out of all answers until `attach`: nothing is destroyed.

        Args:
            label: The class.

        Raises:
            UnknownLabelError: It is none of the model's.
            StoreError: The model's folder can't be changed.

        Example:
            >>> model.detach("Grace")
            >>> model.predict(X[20:21]).tolist() == ["Grace"]
            False
        """
        self._set_detached(name_of(label), True)

    @changes
    def attach(self, label: Any) -> None:
        """Take a detached class back into the answers.

        Args:
            label: The class.

        Raises:
            UnknownLabelError: It is none of the model's.
            StoreError: The model's folder can't be changed.

        Example:
            >>> model.detach("Grace")
            >>> model.attach("Grace")
            >>> model.predict(X[20:21]).tolist()
            ['Grace']
        """
        self._set_detached(name_of(label), False)

    def _forget(
        self, labels: list[str], subjects: list[str], reason: str | None, grounds: str | None
    ) -> Erasure:
        engine, ended = self._fitted(), self._ended
        if ended is not None and _is_of(ended[0], labels, subjects):
            self._ended = None
            if not _holds_any(engine, ended[0]):
                return ended[1]
        planned = plan_in_memory(engine, label=labels, subject=subjects)
        self._check_folder()
        records = [*engine.records(), *planned.rewritten]
        begun = Begun(plan=planned, records=records, shared=engine.shared_tensors())

        def erase() -> Erasure:
            erasure = forget(planned, engine=engine, folder=self.folder, reason=reason, grounds=grounds)
            self._drop_keep()
            return erasure

        return self._all_or_nothing(begun, erase)

    def _set_detached(self, name: str, detached: bool) -> None:
        bank, folder = self._fitted().bank, self.folder
        name = bank.known_as(name)
        chosen = set(bank.ids(name))
        others = {i for other in bank.labels if bank.is_detached(other) for i in bank.ids(other)} - chosen
        self._check_folder()

        def change() -> None:
            if folder is not None:
                folder.set_detached([*(others | chosen if detached else others)])
            (bank.detach if detached else bank.attach)(name)

        self._all_or_nothing(Begun(), change)


def _holds_any(engine: Engine, plan: Plan) -> bool:
    """Tell whether an engine knows a class or a subject that a plan is to forget."""
    known = {("class", normal_name(name)) for name in engine.bank.labels}
    known |= {("subject", normal_name(name)) for name in engine.bank.subjects}
    return not known.isdisjoint((target.what, normal_name(target.name)) for target in plan.targets)


def _is_of(plan: Plan, labels: list[str], subjects: list[str]) -> bool:
    """Tell whether a plan is to forget exactly these classes and subjects."""
    wanted = {("class", normal_name(name)) for name in labels}
    wanted |= {("subject", normal_name(name)) for name in subjects}
    return wanted == {(target.what, normal_name(target.name)) for target in plan.targets}
