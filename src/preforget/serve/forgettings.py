"""Carry requests to forget out, one after the other, and finish at start what a crash has cut off."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Protocol

from preforget.classifier import PreForgettableClassifier
from preforget.classifier.turns import reads
from preforget.core.errors import IntegrityError, PreforgetError, StoreError, UnknownLabelError, UsageError
from preforget.core.files import exclusive
from preforget.erasure import plan_in_memory
from preforget.erasure.request import Request
from preforget.serve.beside import own_folder
from preforget.serve.journal import DONE, PENDING, Forgetting, Journal, request_digest
from preforget.serve.models import ServedModel
from preforget.serve.problems import NO_NAME, Problem, problem_of
from preforget.store import ModelFolder
from preforget.store.layout import receipt_name

NAMED_IN_REASON = (
    "the reason or the grounds can't be used: each is one line of at most 500 characters that names no class and no "
    "person of the model, since it stays in the receipt; give a request's number"
)


class Watch(Protocol):
    """Is told of every forgetting that has ended."""

    def __call__(self, model: str, seconds: float, *, done: bool) -> None:
        """Take note of how long it took, of which model, and whether it is done."""


RETRY = 1.0
"""Seconds until an erasure that has begun and can't be ended, as on a full disk, is tried again."""


class Forgettings:
    """The requests to forget of one model."""

    def __init__(self, model: ServedModel, watch: Watch | None = None) -> None:
        path = model.path
        self.model = model
        folder = model.classifier.folder
        assert folder is not None
        self.journal = Journal(
            path.with_name(f"{path.name}.requests"), folder.manifest.model, folder.keyring.signing
        )
        self._held = contextlib.ExitStack()
        self._watch = watch
        self._work = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: dict[str, asyncio.Event] = {}
        self._stopping = False

    def entry(self, forgetting_id: str) -> Forgetting:
        """Return a request; raises `Problem`."""
        try:
            return self.journal.entries[forgetting_id]
        except KeyError:
            raise Problem(404, "there is no such request to forget") from None

    async def ask(
        self,
        labels: list[str],
        subjects: list[str],
        reason: str | None,
        grounds: str | None,
        by: str,
        key: str | None = None,
    ) -> Forgetting:
        """Accept a request and begin to carry it out; the one that came with the same key before is returned again.

        Raises `Problem` for a name that the model doesn't hold, a reason that names somebody, and a key that came with
        another request.
        """
        async with self._work:
            known = None if key is None else self.journal.of_key(key)
            if known is not None and key is not None:
                if known.request != request_digest(key, labels, subjects, reason, grounds):
                    raise Problem(
                        422, "this Idempotency-Key came with another request before; take a new one"
                    )
                return known
            await self._current()
            records = await self.model.change(
                _planned, self.model.classifier, labels, subjects, reason, grounds
            )
            entry = Forgetting.asked_for(labels, subjects, records, reason, grounds, by, key)
            try:
                await self.model.change(self.journal.write, entry)
            except StoreError:
                raise Problem(
                    507, "the request can't be kept: the disk is full or can't be written"
                ) from None
        self._begin(entry)
        return entry

    async def finished(self, forgetting_id: str) -> Forgetting:
        """Wait until a request is done or has failed, and return it."""
        event = self._ended.get(forgetting_id)
        if event is not None and self.entry(forgetting_id).status == PENDING:
            await event.wait()
        return self.entry(forgetting_id)

    async def resume(self) -> None:
        """Read the journal, and finish what is pending; raises `StoreError` for a damaged journal.

        Until `stop` the journal is this service's alone; raises `UsageError` if another service has it.
        """
        await self.model.change(self._hold)
        await self.model.change(self.journal.read)
        for entry in self.journal.pending():
            await self._carry_out(entry)

    def give_up(self) -> None:
        """Try no erasure again: whoever starts next ends it."""
        self._stopping = True

    async def stop(self) -> None:
        """Wait for what is under way."""
        self.give_up()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._held.close()

    def _hold(self) -> None:
        own_folder(self.journal.folder)
        try:
            self._held.enter_context(exclusive(self.journal.folder, wait=False))
        except BlockingIOError:
            raise UsageError(
                f"another service answers for {self.model.path} already; end it first, or ask it"
            ) from None
        except OSError as error:
            raise StoreError(f"{self.journal.folder} can't be locked: {error.strerror or error}") from error

    def receipt(self, entry: Forgetting) -> bytes:
        """Return the signed receipt of a request that is done; raises `Problem`."""
        if entry.status != DONE or entry.erasure is None:
            raise Problem(409, f"there is no receipt: the request is {entry.status}")
        return receipt_bytes(self.model.path, entry.erasure)

    def _begin(self, entry: Forgetting) -> None:
        self._ended[entry.id] = asyncio.Event()
        task = asyncio.create_task(self._carry_out(entry))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, entry: Forgetting) -> None:
        """Forget, and keep the outcome; an erasure that has begun is tried until it is ended or the service stops."""
        begun = asyncio.get_running_loop().time()
        async with self._work:
            outcome: Forgetting | None = None
            while outcome is None or self.journal.entries[entry.id].status == PENDING:
                if outcome is None:
                    outcome = await self.model.change(_carried_out, self.model.classifier, entry)
                if outcome is not None:
                    with contextlib.suppress(
                        StoreError, IntegrityError
                    ):  # a full disk: the name stays until it can be taken out
                        await self.model.change(self.journal.write, outcome)
                        continue
                if self._stopping:
                    break
                await asyncio.sleep(RETRY)
        if self._watch is not None and (status := self.journal.entries[entry.id].status) != PENDING:
            self._watch(self.model.name, asyncio.get_running_loop().time() - begun, done=status == DONE)
        if entry.id in self._ended:
            self._ended.pop(entry.id).set()

    async def _current(self) -> None:
        """Make sure that what is in memory is what the folder holds."""
        async with self.model.membership.leaving() as standing:
            pass
        await self.model.catch_up(standing)


def receipt_bytes(folder: Path, erasure: str) -> bytes:
    """Return a receipt of a model folder; raises `Problem` if it isn't there."""
    try:
        return (folder / receipt_name(erasure)).read_bytes()
    except OSError:
        raise Problem(404, "the receipt isn't in the model's folder any more") from None


@reads
def _planned(
    model: PreForgettableClassifier,
    labels: list[str],
    subjects: list[str],
    reason: str | None,
    grounds: str | None,
) -> list[str]:
    """Return the ids of what would go; raises `Problem`."""
    try:
        planned = plan_in_memory(model.engine_, label=labels, subject=subjects)
    except UnknownLabelError:
        raise Problem(422, NO_NAME) from None
    except UsageError:
        raise Problem(422, "this model can't forget subjects, or nothing to forget is named") from None
    try:
        Request(reason, grounds).check(planned.names)
    except UsageError:
        raise Problem(422, NAMED_IN_REASON) from None
    return [record.id for record in planned.records]


def _carried_out(model: PreForgettableClassifier, entry: Forgetting) -> Forgetting | None:
    """Forget; return the outcome, None if it has begun and must be tried again."""
    folder = model.folder
    assert folder is not None
    try:
        model.refresh()
        earlier = _ended_before(model.folder, entry)
        if earlier is not None:
            return earlier
        forget, names = (
            (model.forget_subject, entry.subjects) if entry.subjects else (model.forget, entry.labels)
        )
        erasure = forget(names, entry.reason, entry.grounds)
    except UnknownLabelError:
        return entry.failed(NO_NAME)
    except IntegrityError as error:
        if folder.has_intent():
            return None
        return _ended_before(model.folder, entry) or entry.failed(problem_of(error).detail)
    except StoreError as error:
        if folder.has_intent():
            return None
        return entry.failed(problem_of(error).detail + "; nothing was forgotten")
    except PreforgetError as error:
        return entry.failed(problem_of(error).detail)
    return entry.done(erasure.id, erasure.generation)


def _ended_before(folder: ModelFolder | None, entry: Forgetting) -> Forgetting | None:
    """Return a request as done if the ledger says that its records were erased, as after a crash.

    For several names the one erasure must have taken all of them: its receipt speaks for the whole request.
    """
    if folder is None or not entry.records or any(map(folder.is_live, entry.records)):
        return None
    ids, names = set(entry.records), len(entry.labels) + len(entry.subjects)
    for row in folder.ledger.entries():
        if row.event == "forget" and row.time >= entry.asked:
            erased = {str(record["id"]) for record in row.data["records"]}
            if ids <= erased or (names == 1 and erased and erased <= ids):
                return entry.done(str(row.data["erasure"]), folder.manifest.generation)
    return None
