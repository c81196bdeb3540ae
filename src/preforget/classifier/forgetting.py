"""Forget a class or a subject, or leave a class out of the answers for a while."""

from __future__ import annotations

from functools import partial
from typing import Any

from preforget.classifier.bound import Begun, Bound
from preforget.classifier.labels import name_of
from preforget.classifier.turns import changes
from preforget.core.names import as_name, same_name
from preforget.erasure import Erasure, forget, plan_in_memory


class Forgetting(Bound):
    """The part of the classifier that forgets."""

    @changes
    def forget(self, label: Any, reason: str | None = None, grounds: str | None = None) -> Erasure:
        """Destroy all that the model holds about a class, in memory and in its folder; it can't be undone.

        Args:
            label: The class; 3, numpy's 3 and `"3"` are the same.
            reason: Such as the number of a request. It goes into the signed receipt, so it must not name anybody.
            grounds: Legal grounds, which also go into the receipt.

        Returns:
            What was erased and what that promises, and where the signed receipt lies, if the model has a folder.

        Raises:
            UnknownLabelError: The model holds nothing of the class.
            UsageError: The reason names the class.
            StoreError: The folder can't be changed.
            IntegrityError: Something of the class was found in the folder afterwards.
        """
        return self._forget("class", name_of(label), reason, grounds)

    @changes
    def forget_subject(self, subject: Any, reason: str | None = None, grounds: str | None = None) -> Erasure:
        """Destroy all that the model holds about one subject, in all classes (exact engine); it can't be undone.

        Args:
            subject: Whom to forget, as named in `fit`.
            reason: See `forget`.
            grounds: See `forget`.

        Raises:
            UnknownLabelError: The model holds nothing of the subject.
            UsageError: The engine knows no subjects.
            StoreError: As in `forget`.
            IntegrityError: As in `forget`.
        """
        return self._forget("subject", as_name(subject, "subject"), reason, grounds)

    @changes
    def detach(self, label: Any) -> None:
        """Leave a class out of all answers until `attach`: nothing is destroyed.

        Args:
            label: The class.

        Raises:
            UnknownLabelError: It is none of the model's.
            StoreError: The model's folder can't be changed.
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
        """
        self._set_detached(name_of(label), False)

    def _forget(self, what: str, name: str, reason: str | None, grounds: str | None) -> Erasure:
        engine, ended = self._fitted(), self._ended
        if ended is not None and ended[0].what == what and same_name(name, [ended[0].name]):
            self._ended = None
            return ended[1]
        planned = plan_in_memory(engine, **{"label" if what == "class" else "subject": name})
        self._check_folder()
        gone = {record.id for record in planned.records}
        kept = [*(r for r in engine.records() if r.id not in gone), *planned.rewritten]
        begun = Begun(plan=planned, kept=kept, shared=engine.shared_tensors())
        erase = partial(forget, planned, engine=engine, folder=self.folder, reason=reason, grounds=grounds)
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
