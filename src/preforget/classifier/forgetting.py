"""Forget a class or a subject, or leave a class out of the answers for a while."""

from __future__ import annotations

from preforget.classifier.state import State
from preforget.erasure import Erasure, Plan, forget, plan_in_memory


class Forgetting(State):
    """The part of the classifier that forgets."""

    def forget(self, label: str, reason: str | None = None, grounds: str | None = None) -> Erasure:
        """Destroy all that the model holds about a class, in memory and in its folder; it can't be undone.

        `reason`, such as the number of a request, and legal `grounds` go into the signed receipt, so they must not
        name anybody. Raises `UnknownLabelError` for a label it doesn't hold, `UsageError`, `StoreError` if the folder
        can't be changed, `IntegrityError` if something of it is found in the folder afterwards.
        """
        return self._carry_out(plan_in_memory(self._fitted(), label=str(label)), reason, grounds)

    def forget_subject(self, subject: str, reason: str | None = None, grounds: str | None = None) -> Erasure:
        """Destroy all that the model holds about one subject, in all classes (exact engine); it can't be undone.

        Raises as `forget`, and `UsageError` in engines that know no subjects.
        """
        return self._carry_out(plan_in_memory(self._fitted(), subject=str(subject)), reason, grounds)

    def detach(self, label: str) -> None:
        """Leave a class out of all answers until `attach`; raises `UnknownLabelError`."""
        self._set_detached(str(label), True)

    def attach(self, label: str) -> None:
        """Take a detached class back into the answers; raises `UnknownLabelError`."""
        self._set_detached(str(label), False)

    def _carry_out(self, plan: Plan, reason: str | None, grounds: str | None) -> Erasure:
        return forget(plan, engine=self.engine_, folder=self.folder, reason=reason, grounds=grounds)

    def _set_detached(self, label: str, detached: bool) -> None:
        bank = self._fitted().bank
        own = set(bank.ids(label))
        away = {i for name in bank.labels if bank.is_detached(name) for i in bank.ids(name)} - own
        if self.folder is not None:
            self.folder.set_detached([*(away | own if detached else away)])
        (bank.detach if detached else bank.attach)(label)
