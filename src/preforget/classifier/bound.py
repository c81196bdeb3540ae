"""What is in memory and what is in the folder stay one state, whatever exception cuts a change off."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from torch import Tensor

from preforget.classifier.binding import load_records
from preforget.classifier.state import State
from preforget.core.errors import PreforgetError, StoreError
from preforget.engines import Engine
from preforget.erasure import Erasure, Plan, open_folder
from preforget.erasure.forget import ended_in_folder, ended_in_memory
from preforget.records import ClassRecord
from preforget.store import Manifest, ModelFolder

R = TypeVar("R")


@dataclass(frozen=True)
class Begun:
    """A change that has begun: noted before its first step and struck out after its last.

    `end`: what brings it to an end if it is cut off, by default to read the folder again; `plan`: what is being
    forgotten; `records` and `shared`: what is in memory, and what comes in its place, with tensors that the engine in
    memory may share.
    """

    end: Callable[[], None] | None = None
    plan: Plan | None = None
    records: Sequence[ClassRecord] = ()
    shared: dict[str, Tensor] | None = None

    @property
    def kept(self) -> list[ClassRecord]:
        """What stays in memory; looked for only where a change was cut off, since a model can have 100,000 records."""
        gone = set() if self.plan is None else {record.id for record in self.plan.records}
        return [record for record in self.records if record.id not in gone]


class Bound(State):
    """The part of the classifier that changes memory and folder as one.

    `_begun`: a change that has begun and not ended; `_ended`: a forgetting that was cut off and then ended, for
    whoever asks for it again.
    """

    _begun: Begun | None = None
    _ended: tuple[Plan, Erasure] | None = None

    def _check_folder(self) -> None:
        """Raise `StoreError` before a change begins if the folder is gone or another process has changed it."""
        if self.folder is not None:
            with self.folder.changing():
                self.folder.check_current()

    def _all_or_nothing(self, begun: Begun, change: Callable[[], R]) -> R:
        """Return what a change returns; if it is cut off, bring memory and folder to one state, now or when next used.

        That is the one before the change, or the one after it if the folder has begun to be changed.
        """
        self._ended, self._begun = None, begun
        try:
            result = change()
        except BaseException as error:
            traceback.clear_frames(error.__traceback__)  # what was cut off lets go of locks and files
            with contextlib.suppress(PreforgetError):
                self._end_begun(strict=True)
            raise
        self._begun = None
        return result

    def _end_begun(self, *, strict: bool) -> None:
        """End a change that was cut off; raises `PreforgetError` if that can't be done and `strict`.

        Otherwise the model goes on with what it has in memory, without what the folder has begun to erase.
        """
        begun = self._begun
        if begun is None:
            return
        self._turns.wait_for_others()
        try:
            if begun.end is not None:
                begun.end()
            elif self.folder is not None:
                self._read_again(begun.plan)
            elif begun.plan is not None:
                self._go_on_without(begun)
                self._ended = begun.plan, ended_in_memory(begun.plan, len(self.engine_.bank))
        except PreforgetError:
            if begun.plan is not None and self._has_begun_to_erase(begun.plan):
                self._go_on_without(begun)
            if strict:
                raise
            return
        self._begun = None

    def _read_again(self, plan: Plan | None) -> None:
        """Open the folder, which ends what was cut off there, and take what it holds; raises `PreforgetError`."""
        before = self.folder
        assert before is not None
        folder = open_folder(before.path, before.keyring)
        engine = type(self.engine_)(self.engine_.encoder, self.engine_.config)
        load_records(engine, folder, None)
        if plan is not None:
            erasure = ended_in_folder(folder, plan, len(engine.bank))
            self._ended = None if erasure is None else (plan, erasure)
        self.folder = folder
        self._exchange(engine)

    def _go_on_without(self, begun: Begun) -> None:
        """Drop from memory what was being forgotten, however far that came."""
        engine = type(self.engine_)(self.engine_.encoder, self.engine_.config)
        shared = {name: tensor.clone() for name, tensor in (begun.shared or {}).items()}
        engine.restore([copied(record) for record in begun.kept], shared)
        for label in engine.bank.labels:
            if self.engine_.bank.is_detached(label):
                engine.bank.detach(label)
        self._exchange(engine)

    def _exchange(self, engine: Engine) -> None:
        """Answer with another engine from here on, and destroy what the former one holds.

        What a change that has begun is to keep is first taken from the other engine: it may have to be ended again.
        """
        begun = self._begun
        if begun is not None and begun.plan is not None:
            held = {record.id: record for record in engine.records()}
            kept = [held[record.id] if record.id in held else copied(record) for record in begun.kept]
            shared = {name: tensor.clone() for name, tensor in (begun.shared or {}).items()}
            self._begun = replace(begun, records=kept, shared=shared)
        former, self.engine_ = self.engine_, engine
        self._drop_keep()
        former.clear()

    def _has_begun_to_erase(self, plan: Plan) -> bool:
        """Tell whether the folder has begun to erase a plan's records, or can't say."""
        if self.folder is None or self.folder.has_intent():
            return True
        try:
            now = ModelFolder(self.folder.path, Manifest.read(self.folder.path), self.folder.keyring)
            live = set(now.live)
        except StoreError:
            return True
        return any(self.folder.is_live(r.id) and r.id not in live for r in plan.records)


def copied(record: ClassRecord) -> ClassRecord:
    """Return a record with tensors of its own."""
    return replace(record, tensors={name: tensor.clone() for name, tensor in record.tensors.items()})


def destroy(records: Iterable[ClassRecord], kept: Sequence[ClassRecord]) -> None:
    """Overwrite in memory what is in `records` and not in `kept`; a record made from another can share tensors."""
    ids = {record.id for record in kept}
    shared = {tensor.data_ptr() for record in kept for tensor in record.tensors.values()}
    for record in records:
        for tensor in record.tensors.values():
            if record.id not in ids and tensor.data_ptr() not in shared:
                tensor.detach().zero_()
