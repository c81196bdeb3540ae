"""Scores, probabilities and answers of a classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.classifier.bound import Bound
from preforget.classifier.labels import answers_of, name_of, names_of_some, ordered
from preforget.classifier.making import check_answering
from preforget.classifier.turns import reads
from preforget.core.abstain import ABSTAIN
from preforget.core.errors import UsageError
from preforget.data.dataset import Labels
from preforget.engines.base import Engine, Scores


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers to `n` inputs, and what decided them.

    `labels`: the names that could be answered; `answers [n]`: one of them or `ABSTAIN`, or tuples of them where an
    input can have several; `probabilities [n, labels]`: of each, given that the input is of one of them; `known [n]`:
    how likely that is, None where an input can have several labels or none; `confidence [n]`: what decides, answered
    where it reaches `limit [n]`.
    """

    labels: list[str]
    answers: Labels
    probabilities: Scores
    known: Scores | None
    confidence: Scores
    limit: Scores

    @classmethod
    def of_nothing(cls, count: int) -> Answers:
        """Return what a model without a class says of inputs: it abstains."""
        answers = np.empty(count, dtype=object)
        answers[:] = ABSTAIN
        endless = np.full(count, np.inf, dtype=np.float32)
        none = np.zeros((count, 0), dtype=np.float32)
        return cls([], answers, none, np.zeros(count, dtype=np.float32), -endless, endless)


class Answering(Bound):
    """The part of the classifier that answers."""

    @reads
    def scores(self, X: Any) -> Scores:
        """Return the score of each class for each input, the higher the likelier.

        Args:
            X: `n` inputs of the kind that was learned from.

        Returns:
            `float32 [n, classes]`, columns in the order of `classes_`; in the isolated engine no column depends on
            another class.

        Raises:
            DataError: The inputs can't be used.
            NotFittedError: Nothing was learned yet.

        Example:
            >>> model.scores(X[:5]).shape
            (5, 3)
        """
        inputs = self._inputs(X)
        return self._fitted().scores(inputs)[:, self._columns()]

    @reads
    def predict_proba(self, X: Any) -> Scores:
        """Return the probability of each class, given that the input is of one of them.

        How likely that is in the first place says `known_proba`. With `on_unknown="uniform"` an input that `predict`
        abstains on has the probability 1 / classes of each. With several labels per input each has a probability of
        its own, and rows don't sum to 1.

        Args:
            X: `n` inputs of the kind that was learned from.

        Returns:
            `float32 [n, classes]`, columns in the order of `classes_`; each row sums to 1.

        Raises:
            DataError: The inputs can't be used.
            NotFittedError: Nothing was learned yet.

        Example:
            >>> model.predict_proba(X[[0, 20]]).round(2).tolist()
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
        """
        inputs, engine = self._inputs(X), self._fitted()
        names = engine.bank.attached
        scores, confidence = engine.evaluate(inputs, names)
        if engine.multilabel or not names:
            return engine.probabilities(scores)[:, self._columns()]
        shares = engine.class_probabilities(scores, names)
        if self._on_unknown(engine) == "uniform":
            answers = engine.answers(scores, confidence, names, self.keep_)
            shares[[answer is ABSTAIN for answer in answers]] = 1 / len(names)
        return shares[:, self._columns()]

    @reads
    def known_proba(self, X: Any) -> Scores:
        """Return how likely it is that each input is of a class that the model knows, `float32 [n]`.

        The isolated and the exact engine say it by their validation inputs, each of which counts once as known and
        once, with its own class left out, as unknown: before an input is looked at, both are as likely. Of engines
        that hold none, such as the paper's, it is the logistic function of the confidence less its limit: 1/2 where
        `predict` begins to answer, and no calibrated probability. It is 0 where there is no class left.

        Raises:
            DataError: The inputs can't be used.
            NotFittedError: Nothing was learned yet.
            UsageError: The model has several labels per input, so that none of them is an answer like any other.

        Example:
            >>> model.known_proba(X[:2]).shape
            (2,)
        """
        inputs, engine = self._inputs(X), self._fitted()
        if engine.multilabel:
            raise UsageError(
                "a model with several labels per input has a probability for each; see predict_proba"
            )
        names = engine.bank.attached
        if not names:
            return np.zeros(len(inputs), dtype=np.float32)
        scores, confidence = engine.evaluate(inputs, names)
        return engine.known_probability(scores, confidence, names, self.keep_)

    @reads
    def predict(self, X: Any, *, without: Any = ()) -> npt.NDArray[Any]:
        """Return the best class of each input, or `ABSTAIN` where the model knows none of that kind.

        Args:
            X: `n` inputs of the kind that was learned from.
            without: A class or several to leave out of this request alone.

        Returns:
            Labels `[n]` of the type that was learned; an object array where something abstains, which never happens
            with `on_unknown="best"`. With several labels per input: `[n]` tuples of the names that reach their own
            threshold, `ABSTAIN` for none.

        Raises:
            DataError: The inputs can't be used.
            NotFittedError: Nothing was learned yet.
            UnknownLabelError: A class to leave out is none of the model's.

        Example:
            >>> model.predict(X[[0, 20, 40]]).tolist()
            ['Ada', 'Grace', 'Mary']
        """
        return self.predict_with_confidence(X, without=without)[0]

    @reads
    def predict_with_confidence(
        self, X: Any, *, without: Any = ()
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32]]:
        """Return `predict`'s answers and how probable each best class is.

        Args:
            X: `n` inputs of the kind that was learned from.
            without: A class or several to leave out of this request alone.

        Returns:
            The answers `[n]`, and probabilities `float32 [n]`; where an engine leaves a share to "none of them", of the
            input being of a known class and of this one.

        Raises:
            DataError: The inputs can't be used.
            NotFittedError: Nothing was learned yet.
            UnknownLabelError: A class to leave out is none of the model's.

        Example:
            >>> labels, probabilities = model.predict_with_confidence(X[:2])
            >>> labels.tolist(), probabilities.round(2).tolist()
            (['Ada', 'Ada'], [1.0, 1.0])
        """
        answers, _, probabilities = self.answer(X, without=without)
        typed = answers if self._fitted().multilabel else answers_of(answers, self._label_kind)
        return typed, probabilities.max(axis=1, initial=0.0)

    @reads
    def answer(self, X: Any, *, without: Any = ()) -> tuple[Labels, list[str], Scores]:
        """Return the answers as names, and the engine's own probabilities of all classes.

        Args:
            X: `n` inputs of the kind that was learned from.
            without: A class or several to leave out of this request alone.

        Returns:
            The answers `[n]`, names or `ABSTAIN`; the names that could be answered, in the order of `classes_`; their
            probabilities `float32 [n, names]`, where what a row lacks to 1 is that of "none of them".

        Raises:
            DataError: The inputs can't be used.
            NotFittedError: Nothing was learned yet.
            UnknownLabelError: A class to leave out is none of the model's.

        Example:
            >>> answers, names, probabilities = model.answer(X[:1])
            >>> answers.tolist(), names, probabilities.shape
            (['Ada'], ['Ada', 'Grace', 'Mary'], (1, 3))
        """
        response = self.respond(X, without=without)
        if self._fitted().leaves_share_to_abstain and response.known is not None:
            return response.answers, response.labels, response.probabilities * response.known[:, None]
        return response.answers, response.labels, response.probabilities

    @reads
    def respond(self, X: Any, *, without: Any = ()) -> Answers:
        """Return the answers with all that decided them.

        Args:
            X: `n` inputs of the kind that was learned from.
            without: A class or several to leave out of this request alone.

        Returns:
            Answers, probabilities, confidence and the limit for each input.

        Raises:
            DataError: The inputs can't be used.
            NotFittedError: Nothing was learned yet.
            UnknownLabelError: A class to leave out is none of the model's.

        Example:
            >>> response = model.respond(X[:1])
            >>> response.answers.tolist(), bool((response.confidence >= response.limit).all())
            (['Ada'], True)
        """
        engine, inputs, keep = self._fitted(), self._inputs(X), self.keep_
        left_out = {engine.bank.known_as(name) for name in names_of_some(without)}
        names = [name for name in engine.bank.attached if name not in left_out]
        if not names:
            return Answers.of_nothing(len(inputs))
        mode = self._on_unknown(engine)
        scores, confidence = engine.evaluate(inputs, names, int(self.shortlist))
        if mode == "best":
            answers: Labels = np.array(names, dtype=object)[scores.argmax(axis=1)]
        else:
            answers = engine.answers(scores, confidence, names, keep)
        order = ordered(names, self._label_kind)
        columns = [names.index(name) for name in order]
        if engine.multilabel:
            limit = np.full(len(scores), engine.threshold(keep, names), dtype=np.float32)
            return Answers(order, answers, engine.probabilities(scores)[:, columns], None, confidence, limit)
        shares = engine.class_probabilities(scores, names)[:, columns]
        if mode == "uniform":
            shares[[answer is ABSTAIN for answer in answers]] = 1 / len(names)
        return Answers(
            order,
            answers,
            shares,
            engine.known_probability(scores, confidence, names, keep),
            confidence,
            engine.limits(scores, names, keep),
        )

    @reads
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of inputs with the right answer; an abstention is a wrong one.

        Args:
            X: `n` inputs of the kind that was learned from.
            y: `n` labels, or label sets as in `fit` where the model has several per input.
            sample_weight: `n` numbers, how much each input counts.

        Returns:
            The share of inputs `[n]` that get their label.

        Raises:
            DataError: The inputs can't be used, or there are not as many labels.
            NotFittedError: Nothing was learned yet.

        Example:
            >>> model.score(X, y)
            1.0
        """
        answers = self.answer(X)[0]
        truth = [label if isinstance(label, tuple) else name_of(label) for label in y]
        if len(truth) != len(answers):
            raise UsageError(f"{len(answers)} inputs but {len(truth)} labels; each input needs one")
        right = [bool(answer == label) for answer, label in zip(answers, truth, strict=True)]
        return float(np.average(right, weights=sample_weight))

    def _on_unknown(self, engine: Engine) -> str:
        """Return what is done with an input of no known class: `abstain`, `uniform` or `best`."""
        check_answering(self.keep, self.on_unknown, self.shortlist)
        if engine.multilabel:
            return "abstain"
        return self.on_unknown or ("best" if engine.encoder.kind == "vectors" else "abstain")
