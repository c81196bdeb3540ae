"""Destroy what a model holds of a class or a subject: on disk first, so that it can't come back from there."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from preforget.core.clock import now
from preforget.core.errors import StoreError
from preforget.core.guarantee import Guarantee
from preforget.engines.base import Engine
from preforget.erasure.plan import bank_of, derive_in_folder, engine_of
from preforget.erasure.transaction import Ended, Request, erase, refuse_failed
from preforget.records import ClassRecord
from preforget.store import ModelFolder
from preforget.store.layout import receipt_name


@dataclass(frozen=True)
class Erasure:
    """What was erased, when, and what that promises; without the name, which may be personal.

    `erasure`: its id; `what`: `class` or `subject`; `records`: ids of all that was destroyed; `time` is UTC in RFC
    3339; `guarantee` and `meaning`: kind of promise and the promise in one
    sentence; `reason` and `grounds` as they were given; `memory_ms`, `disk_ms` and `derive_ms` are milliseconds, None
    where the model was not loaded or not saved; `bytes_removed` counts the files, 0 where the model was never saved;
    `derived` is how many records were derived anew from what is left; `copies`: known copies elsewhere, and what
    became of each; `generation` is the folder's number after it all; `receipt`: where the signed receipt lies.
    """

    erasure: str
    what: str
    records: list[str]
    guarantee: Guarantee
    meaning: str
    time: str
    reason: str | None
    grounds: str | None
    memory_ms: float | None
    disk_ms: float | None
    bytes_removed: int
    derived: int
    derive_ms: float
    classes_left: int
    copies: list[dict[str, Any]]
    generation: int | None
    receipt: Path | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        receipt = None if self.receipt is None else str(self.receipt)
        return {**asdict(self), "guarantee": self.guarantee.value, "receipt": receipt}


def forget(
    engine: Engine,
    folder: ModelFolder | None,
    *,
    label: str | None = None,
    subject: str | None = None,
    reason: str | None = None,
    grounds: str | None = None,
) -> Erasure:
    """Erase a class, or a subject in all classes, from the model folder, if there is one, and from memory.

    Raises `UnknownLabelError` for a name the model doesn't hold, `UsageError` for a reason that names it,
    `StoreError` if the folder can't be changed: nothing is forgotten then, unless the erasure on disk had begun. In
    that case it is gone from memory too, and opening the folder ends what has begun. Raises `IntegrityError` if
    something was found in the folder afterwards.
    """
    going = engine.affected_records(label, subject)
    what = "subject" if label is None else "class"
    request = Request(reason, grounds)
    request.check(going)
    type(engine).signed_meaning()
    memory = _Timed(
        lambda: engine.forget(label) if label is not None else engine.forget_subject(str(subject))
    )
    derive = _Timed(engine.derive)

    def take() -> Sequence[ClassRecord]:
        memory.once()
        found: Sequence[ClassRecord] = derive.once()
        return found

    start, ended = time.perf_counter(), None
    if folder is None or not any(record.id in folder.manifest.records for record in going):
        take()  # what was derived on loading was never written
    else:
        try:
            ended = erase(folder, going, type(engine), take, what=what, request=request)
        except StoreError:
            if folder.has_intent():
                memory.once()
            raise
    spent = (time.perf_counter() - start) * 1e3
    return _report(
        folder,
        ended,
        records=[record.id for record in going],
        what=what,
        kind=type(engine),
        request=request,
        memory_ms=memory.ms,
        disk_ms=None if ended is None else spent - memory.ms - derive.ms,
        derived=len(derive.found),
        derive_ms=derive.ms,
        classes_left=len(engine.bank),
    )


def forget_in_folder(
    folder: ModelFolder,
    going: Sequence[ClassRecord],
    *,
    what: str = "class",
    reason: str | None = None,
    grounds: str | None = None,
    delete_copies: bool = False,
) -> Erasure:
    """Erase records from a model folder that nobody has loaded; needs no backbone, so a lost one can't prevent it.

    `going` comes from `plan`; `delete_copies`: delete the copies that are listed as to be deleted. Raises as `forget`.
    """
    kind = engine_of(folder)
    left: set[str] = set()

    def take() -> list[ClassRecord]:
        if kind.one_record_per_class:
            left.update(folder.manifest.records)  # one a class; reading a large bank takes longer than all
            return []
        records = folder.records()
        left.update(bank_of(folder, records).labels)
        return derive_in_folder(folder, records)

    derive, request, start = _Timed(take), Request(reason, grounds), time.perf_counter()
    ended = erase(folder, going, kind, derive.once, what=what, request=request, delete_copies=delete_copies)
    spent = (time.perf_counter() - start) * 1e3
    return _report(
        folder,
        ended,
        records=[record.id for record in going],
        what=what,
        kind=kind,
        request=request,
        memory_ms=None,
        disk_ms=spent - derive.ms,
        derived=len(derive.found),
        derive_ms=derive.ms,
        classes_left=len(left),
    )


def _report(
    folder: ModelFolder | None, ended: Ended | None, *, kind: type[Engine], request: Request, **facts: Any
) -> Erasure:
    facts |= {"guarantee": kind.guarantee, "meaning": kind.signed_meaning()}
    facts |= {"reason": request.reference, "grounds": request.grounds}
    if folder is None or ended is None:
        none: dict[str, Any] = {"bytes_removed": 0, "copies": [], "generation": None, "receipt": None}
        return Erasure(erasure=secrets.token_hex(16), time=now(), **facts, **none)
    receipt = ended.receipt
    refuse_failed(receipt)
    return Erasure(
        erasure=receipt.erasure,
        time=receipt.finished,
        bytes_removed=sum(int(record["bytes"]) for record in receipt.records),
        copies=receipt.copies,
        generation=folder.manifest.generation,
        receipt=folder.path / receipt_name(receipt.erasure),
        **facts,
    )


class _Timed:
    """Does something once, and keeps what came of it and how many milliseconds that took."""

    def __init__(self, do: Callable[[], Any]) -> None:
        self._do: Callable[[], Any] | None = do
        self.ms = 0.0
        self.found: Any = []

    def once(self) -> Any:
        """Do it, unless that has been done."""
        if self._do is not None:
            do, self._do = self._do, None
            start = time.perf_counter()
            self.found = do()
            self.ms = (time.perf_counter() - start) * 1e3
        return self.found
