"""Forget a class or a subject, or leave a class out of the answers for a while."""

from __future__ import annotations

from typing import Any

from preforget.classifier.labels import name_of
from preforget.classifier.state import State
from preforget.core.names import as_name
from preforget.erasure import Erasure, Plan, forget, plan_in_memory


class Forgetting(State):
    """The part of the classifier that forgets."""

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
        return self._carry_out(plan_in_memory(self._fitted(), label=name_of(label)), reason, grounds)

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
        name = as_name(subject, "subject")
        return self._carry_out(plan_in_memory(self._fitted(), subject=name), reason, grounds)

    def detach(self, label: Any) -> None:
        """Leave a class out of all answers until `attach`: nothing is destroyed.

        Args:
            label: The class.

        Raises:
            UnknownLabelError: It is none of the model's.
            StoreError: The model's folder can't be changed.
        """
        self._set_detached(name_of(label), True)

    def attach(self, label: Any) -> None:
        """Take a detached class back into the answers.

        Args:
            label: The class.

        Raises:
            UnknownLabelError: It is none of the model's.
            StoreError: The model's folder can't be changed.
        """
        self._set_detached(name_of(label), False)

    def _carry_out(self, plan: Plan, reason: str | None, grounds: str | None) -> Erasure:
        return forget(plan, engine=self.engine_, folder=self.folder, reason=reason, grounds=grounds)

    def _set_detached(self, name: str, detached: bool) -> None:
        bank = self._fitted().bank
        name = bank.known_as(name)
        chosen = set(bank.ids(name))
        others = {i for other in bank.labels if bank.is_detached(other) for i in bank.ids(other)} - chosen
        if self.folder is not None:
            self.folder.set_detached([*(others | chosen if detached else others)])
        (bank.detach if detached else bank.attach)(name)
