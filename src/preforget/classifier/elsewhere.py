"""Answers and measures of many inputs, with the work done by an executor, and finished parts kept in a folder.

Each worker gets the whole model, without folder, ledger or key, and keeps it in memory until its process ends.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from preforget.backbones.pinned import pinned
from preforget.classifier.answering import Answers
from preforget.classifier.evaluating import Evaluation, parts_of
from preforget.classifier.model import Model
from preforget.classifier.packing import Arrays, as_arrays, from_arrays
from preforget.core.errors import DataError
from preforget.data import Split
from preforget.data.dataset import Images
from preforget.data.looks import look_at_all
from preforget.engines.base import Scores
from preforget.jobs.executor import Executor, Job
from preforget.jobs.work import Work
from preforget.training.progress import counting

if TYPE_CHECKING:
    from preforget.classifier.public import PreForgettableClassifier

Broken = list[tuple[Path, str]]
"""Files that can't be answered, each with the reason."""


@dataclass(frozen=True, eq=False)
class Sent:
    """A model as it is sent to workers; `token`: what they know it by."""

    arrays: Arrays
    device: str
    shortlist: int
    on_unknown: str | None
    token: str = field(default_factory=lambda: secrets.token_hex(16))

    @classmethod
    def of(cls, model: Model) -> Sent:
        """Return what workers need to answer as a model does."""
        return cls(as_arrays(model), model.device, int(model.shortlist), model.on_unknown)

    def model(self) -> PreForgettableClassifier:
        """Return the model, made once in each process."""
        if self.token not in _MODELS:
            _MODELS.clear()
            model = from_arrays(self.arrays, device=self.device)
            model.shortlist, model.on_unknown = self.shortlist, self.on_unknown
            _MODELS[self.token] = model
        return _MODELS[self.token]


_MODELS: dict[str, PreForgettableClassifier] = {}
"""The model that this process answers with for others."""


def respond_to_files(
    model: Model, files: Sequence[Path], without: Sequence[str] = ()
) -> tuple[list[Path], Answers | None, Broken]:
    """Return the files that can be answered with their answers, None if there are none, and those that can't be."""
    try:
        return list(files), model.respond(list(files), without=without), []
    except DataError:
        _, broken = look_at_all(list(files))
        if not broken:
            raise
    usable = [path for path in files if path not in dict(broken)]
    return usable, model.respond(usable, without=without) if usable else None, list(broken)


def respond_over(
    model: Model,
    executor: Executor,
    parts: Sequence[Sequence[Path]],
    without: Sequence[str] = (),
) -> Iterator[tuple[int, tuple[list[Path], Answers | None, Broken]]]:
    """Yield the number of each part of many files with what `respond_to_files` says of it, as they come."""
    jobs = [Job(f"part {n}", _respond, (n, list(files), list(without))) for n, files in enumerate(parts)]
    for job, answered in executor.run(jobs, Sent.of(model)):
        yield job.arguments[0], answered


def evaluate_over(
    model: Model,
    executor: Executor,
    X: Any,
    y: Any = None,
    *,
    work: Work | None = None,
    digest: str = "",
    progress: bool = False,
) -> Evaluation:
    """Measure as `evaluate` does, with the inputs scored by the workers of an executor.

    Args:
        model: A model that has learned.
        executor: Where inputs are scored.
        X: See `PreForgettableClassifier.evaluate`.
        y: See `evaluate`.
        work: Keeps the scores of finished parts, so that the same call goes on after an interruption.
        digest: Of model and inputs, by which those parts are found again.
        progress: Show progress on stderr.

    Returns:
        The same as `evaluate`.

    Raises:
        DataError: As in `evaluate`.
        ExecutorError: Workers are lost.
        StoreError: The folder of finished parts can't be written.
    """

    def scored(split: Split, names: list[str]) -> tuple[Scores, Scores]:
        step, starts = parts_of(model.engine_, len(split))
        done: dict[int, Arrays] = {}
        jobs = []
        for start in starts:
            there = None if work is None else work.get_arrays(digest, start)
            if there is not None:
                done[start] = there
                continue
            part = split.select(range(start, min(start + step, len(split))))
            jobs.append(Job(f"part {start}", _score, (start, part.inputs, names), len(part)))
        with counting(total=len(split), what="answering", unit="input", show=progress) as count:
            count(len(split) - sum(job.weight for job in jobs))
            for job, (scores, confidence) in executor.run(jobs, Sent.of(model)):
                done[job.arguments[0]] = arrays = {"scores": scores, "confidence": confidence}
                if work is not None:
                    work.put_arrays(arrays, digest, job.arguments[0])
                count(job.weight)
        scores, confidence = (
            np.concatenate([done[start][name] for start in starts]) for name in ("scores", "confidence")
        )
        return scores, confidence

    return model._evaluated(X, y, scored)


def _respond(
    sent: Sent, number: int, files: list[Path], without: list[str]
) -> tuple[list[Path], Answers | None, Broken]:
    return respond_to_files(sent.model(), files, without)


@pinned
def _score(sent: Sent, start: int, inputs: Images, names: list[str]) -> tuple[Scores, Scores]:
    model = sent.model()
    return model.engine_.evaluate(inputs, names, int(model.shortlist))
