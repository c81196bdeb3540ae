"""Inputs of many requests are answered together, in batches of one fixed shape.

On one machine the same input gives the same bits wherever it stands in a batch of a given shape and whatever stands
beside it, but not always in a batch of another size: matrix products are split up differently. So every batch has
exactly `rows` inputs, or one of the few other sizes that give the same bits, see `shapes`; what is missing is filled up
with copies of the last one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from preforget.classifier.answering import Answers
from preforget.serve.inputs import Batchable, joined
from preforget.serve.membership import Standing
from preforget.serve.problems import Problem
from preforget.serve.shapes import Draw, Respond, equal_sizes

logger = logging.getLogger("preforget.serve")

Watch = Callable[[int, int, float], None]
"""Is told of every batch: inputs in it, inputs that wait, share that was abstained on."""


@dataclass(eq=False)
class Waiting:
    """Inputs of one request that wait for answers, those that are there already, and who waits for all of them."""

    inputs: Batchable
    without: tuple[str, ...]
    done: asyncio.Future[tuple[Standing, Answers]]
    taken: int = 0
    parts: list[tuple[Standing, Answers]] = field(default_factory=list)

    @property
    def key(self) -> tuple[Any, ...]:
        """What inputs of one batch have in common."""
        return (*self.inputs.shape, self.without)


Share = tuple[Waiting, int, int]
"""Whose inputs, from which one, and how many."""


class Batches:
    """The batches of one model: a request's inputs wait until the batch before is answered.

    `draw`: inputs with which other sizes than `rows` are tried out; without it there is that one.
    """

    def __init__(
        self,
        respond: Respond,
        rows: int,
        most_waiting: int,
        watch: Watch | None = None,
        draw: Draw | None = None,
    ) -> None:
        self._respond, self.rows, self._most = respond, rows, most_waiting
        self._watch, self._draw = watch, draw
        self._sizes: tuple[int, ...] = (rows,)
        self._tried: Standing | None = None
        self._current: Standing | None = None
        self._queue: deque[Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, "preforget-batches")
        self._running: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many inputs wait."""
        return sum(len(each.inputs) - each.taken for each in self._queue)

    async def answer(self, inputs: Batchable, without: tuple[str, ...] = ()) -> tuple[Standing, Answers]:
        """Return the answers to inputs, made with one standing; raises as the model, `Problem` if too many wait."""
        while True:
            if self.waiting + len(inputs) > max(self._most, len(inputs)):
                raise Problem(503, "too many inputs are waiting; ask again", {"Retry-After": "1"})
            entry = Waiting(inputs, without, asyncio.get_running_loop().create_future())
            self._queue.append(entry)
            if self._running is None or self._running.done():
                self._running = asyncio.create_task(self._run())
            try:
                return await entry.done
            except _Changed:
                continue  # between two of its batches
            finally:
                if entry in self._queue:
                    self._queue.remove(entry)

    async def prepare(self) -> None:
        """Try out which sizes give the same bits, before the first request has to wait for that."""
        if self._draw is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._try_sizes, self._draw)

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue:
            if self._draw is not None and self._current != self._tried:
                with contextlib.suppress(RuntimeError):  # the thread has ended, which the batch will tell
                    await self.prepare()
                    continue  # who waited may have gone
            shares, size = self._next()
            try:
                part = await loop.run_in_executor(self._thread, self._answered, shares, size)
            except Exception as error:  # noqa: BLE001 - each request tells its own; none waits for ever
                await self._each_alone(shares, error)
                continue
            self._hand_out(shares, part)

    def _try_sizes(self, draw: Draw) -> None:
        """Try sizes out, in the thread."""
        try:
            tried = equal_sizes(self._respond, draw, self.rows)
        except Exception as error:  # noqa: BLE001 - whoever asks meets the fault and tells it
            # Its type alone: what it says may name a class.
            logger.warning("other sizes of batches couldn't be tried, one is used: %s", type(error).__name__)
            tried = None
        if tried is None:
            self._sizes = (self.rows,)
            self._tried = self._current
        else:
            self._tried, self._sizes = tried
            self._current = self._tried

    def _next(self) -> tuple[list[Share], int]:
        """Take the inputs of the next batch from the queue, of the oldest request and of those like it, and its size.

        The size is the smallest for all that wait; leaving classes out changes the sums, and was not tried out.
        """
        shares: list[Share] = []
        key = self._queue[0].key
        waiting = sum(len(each.inputs) - each.taken for each in self._queue if each.key == key)
        sizes = (self.rows,) if self._queue[0].without else self._sizes
        size = next((size for size in sizes if size >= waiting), sizes[-1])
        room = size
        for entry in [*self._queue]:
            if entry.key == key and room:
                count = min(room, len(entry.inputs) - entry.taken)
                shares.append((entry, entry.taken, count))
                entry.taken += count
                room -= count
                if entry.taken == len(entry.inputs):
                    self._queue.remove(entry)
        return shares, size

    def _answered(self, shares: Sequence[Share], size: int) -> tuple[Standing, Answers]:
        """Answer one batch in the thread; one of a size that wasn't tried out for its standing again, in usual ones."""
        parts = [entry.inputs.part(start, count) for entry, start, count in shares]
        without, total = shares[0][0].without, sum(count for _, _, count in shares)
        if total <= size:
            standing, answers = self._respond(joined(parts, size), without)
            self._current = standing
            if size == self.rows or standing == self._tried:
                return standing, answers
        whole = joined(parts, -(-total // self.rows) * self.rows)
        pieces = [
            self._respond(whole[start : start + self.rows], without)
            for start in range(0, len(whole), self.rows)
        ]
        self._current = standing = pieces[-1][0]
        if any(found != standing for found, _ in pieces):
            raise _Changed
        return standing, put_together([part for _, part in pieces])

    async def _each_alone(self, shares: Sequence[Share], error: Exception) -> None:
        """Answer the requests of a batch one by one, so that one that can't be read spoils no other's answer."""
        if len(shares) == 1:
            self._fail(shares[0][0], error)
            return
        for share in shares:
            try:
                part = await asyncio.get_running_loop().run_in_executor(
                    self._thread, self._answered, [share], self.rows
                )
            except Exception as its_own:  # noqa: BLE001 - as above
                self._fail(share[0], its_own)
            else:
                self._hand_out([share], part)

    def _hand_out(self, shares: Sequence[Share], part: tuple[Standing, Answers]) -> None:
        standing, answers = part
        start = 0
        for entry, _, count in shares:
            entry.parts.append((standing, rows_of(answers, start, start + count)))
            start += count
            if (
                sum(len(given.answers) for _, given in entry.parts) == len(entry.inputs)
                and not entry.done.done()
            ):
                if len({known for known, _ in entry.parts}) > 1:
                    entry.done.set_exception(_Changed())
                else:
                    entry.done.set_result((standing, put_together([given for _, given in entry.parts])))
        if self._watch is not None:
            abstained = sum(not isinstance(answer, str | tuple) for answer in answers.answers[:start])
            self._watch(start, self.waiting, abstained / start)

    def _fail(self, entry: Waiting, error: Exception) -> None:
        if entry in self._queue:
            self._queue.remove(entry)
        if not entry.done.done():
            entry.done.set_exception(error)


class _Changed(Exception):  # noqa: N818 - a signal within this file
    """A request's inputs were answered with more than one standing."""


def rows_of(answers: Answers, start: int, stop: int) -> Answers:
    """Return the answers to some of the inputs."""
    known = answers.known
    return Answers(
        answers.labels,
        answers.answers[start:stop],
        answers.probabilities[start:stop],
        None if known is None else known[start:stop],
        answers.confidence[start:stop],
        answers.limit[start:stop],
    )


def put_together(parts: Sequence[Answers]) -> Answers:
    """Return the answers of several batches that were made with one standing."""
    if len(parts) == 1:
        return parts[0]
    known = [part.known for part in parts if part.known is not None]
    return Answers(
        parts[0].labels,
        np.concatenate([part.answers for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate(known) if known else None,
        np.concatenate([part.confidence for part in parts]),
        np.concatenate([part.limit for part in parts]),
    )
