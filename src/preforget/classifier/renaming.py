"""Give a class another name, and make one class of two; no data are needed for either."""

from __future__ import annotations

from typing import Any, Self

from preforget.classifier.adding import Adding
from preforget.classifier.labels import check_fits, name_of
from preforget.classifier.turns import learns
from preforget.core.errors import UsageError
from preforget.core.names import same_name
from preforget.data.labels import check_look_alikes


class Renaming(Adding):
    """The part of the classifier that changes what its classes are."""

    @learns
    def rename(self, old: Any, new: Any, *, keep_similar_names: bool = False) -> Self:
        """Give a class another name, in one step; scores, and whether it is detached, stay as they were.

        Every record that holds the old name is written anew with an id of its own, and the old one is erased: of a
        sealed model its key is destroyed, of a plain one its file is deleted. The ledger says that a class was
        renamed, by ids alone. Receipts of earlier erasures stay valid.

        Args:
            old: The class, by its present name.
            new: Its name from now on.
            keep_similar_names: As in `fit`.

        Returns:
            The classifier itself.

        Raises:
            UnknownLabelError: `old` is no class of the model.
            DataError: `new` can't be a name, or looks like that of another class.
            UsageError: The model has a class called `new`, or its labels are of another kind.
            StoreError: The model's folder can't be changed; then neither is the model in memory.

        Example:
            >>> model.rename("Ada", "Ada Lovelace").classes_.tolist()
            ['Ada Lovelace', 'Grace', 'Mary']
        """
        bank = self._fitted().bank
        former, name = bank.known_as(name_of(old)), name_of(new)
        check_fits(name, self._label_kind)
        others = [label for label in bank.labels if label != former]
        if same_name(name, bank.labels) is not None:
            raise UsageError(
                f"the model already has class {name!r}"
                + (
                    ""
                    if name == former
                    else "; to make one class of two, use merge() or preforget add --into --from"
                )
            )
        check_look_alikes([name], others, keep=keep_similar_names)
        self._learn_aside(lambda _: None, "rename", {former: name})
        return self

    @learns
    def merge(self, into: Any, label: Any) -> Self:
        """Make one class of two (exact engine): its sums are added, so nothing is lost and no data are needed.

        What follows equals, bit for bit, a model that was learned with the inputs of both as one class, those of
        `into` first. Pair prompts of both are dropped until `refit`.

        Args:
            into: The class that also has what was known of the other from now on, under its own name.
            label: The class that is none any more.

        Returns:
            The classifier itself.

        Raises:
            UnknownLabelError: One of them is no class of the model.
            UsageError: They are the same class, or the engine's records are no sums.
            StoreError: The model's folder can't be changed; then neither is the model in memory.

        Example:
            >>> model.merge("Ada", "Mary").classes_.tolist()
            ['Ada', 'Grace']
        """
        bank = self._fitted().bank
        first, second = bank.known_as(name_of(into)), bank.known_as(name_of(label))
        if first == second:
            raise UsageError(f"{first!r} can't be made one class with itself; name two classes")
        self._learn_aside(lambda engine: engine.merge(first, second), "merge")
        return self
