"""Destroy what a model holds about a class or a subject, on disk first, so that it can't come back from there."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from preforget.core.clock import now
from preforget.core.errors import IntegrityError, StoreError
from preforget.core.guarantee import Guarantee
from preforget.engines.base import Engine
from preforget.erasure.plan import Plan, bank_of, derive_in_folder
from preforget.erasure.receipt import Receipt, read_bounded, read_receipt
from preforget.erasure.request import Request
from preforget.erasure.transaction import Ended, erase_on_disk, refuse_failed
from preforget.records import ClassRecord
from preforget.store import ModelFolder
from preforget.store.layout import receipt_name


@dataclass(frozen=True)
class Erasure:
    """What was erased, when, and what that promises; without the name, which may be personal.

    `id`: 32 random hex digits; `what`: `class`, `subject`, or `several` for both; `targets`: how many of them;
    `records`: ids of all that was destroyed; `guarantee` and `meaning`: the kind of promise and the promise in one
    sentence; `time` is UTC in RFC 3339; `reason` and `grounds` as they were given; `memory_ms`, `disk_ms` and
    `derive_ms` are milliseconds, None where the model was not loaded or not saved; `bytes_removed` counts the
    files, 0 where the model was never saved; `derived` is how many records were derived again from what is left;
    `copies`: known copies elsewhere, and what became of each; `generation` is the folder's number afterwards;
    `receipt`: where the signed receipt lies.
    """

    id: str
    what: str
    targets: int
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
    plan: Plan,
    *,
    engine: Engine | None = None,
    folder: ModelFolder | None = None,
    reason: str | None = None,
    grounds: str | None = None,
    delete_copies: bool = False,
) -> Erasure:
    """Carry out a plan: destroy its records in the model folder and in memory, in this order.

    `engine`: the model in memory, None where it isn't loaded: then no backbone is needed, so a lost one can't prevent
    forgetting; `folder`: None for a model that was never saved; `delete_copies`: delete the copies that are listed as
    to be deleted.

    Raises `UsageError` for a reason that holds a name of the model, `StoreError` if the folder can't be changed:
    nothing is forgotten then, unless the erasure on disk had begun. In that case it is gone from memory too, and
    opening the folder completes the erasure. Raises `IntegrityError` if something is still in the folder afterwards.
    """
    request = Request(reason, grounds)
    plan.engine.signed_meaning()  # who promises nothing must not begin
    if engine is not None:
        model: _Loaded | _OnDiskOnly = _Loaded(engine, plan)
    elif folder is not None:
        model = _OnDiskOnly(folder, plan)
    else:
        raise ValueError("give a model in memory, its folder, or both")
    memory, derive = _Timed(model.forget), _Timed(model.derive)

    def forget_in_memory_and_derive() -> Sequence[ClassRecord]:
        memory.once()
        derived: Sequence[ClassRecord] = derive.once()
        return derived

    start, ended = time.perf_counter(), None
    written = folder is not None and any(folder.is_live(record.id) for record in plan.records)
    if folder is None or (engine is not None and not written):
        request.check(plan.names)  # else it is checked before anything on disk begins
        forget_in_memory_and_derive()  # what was derived on loading was never written
    else:
        try:
            ended = erase_on_disk(
                folder, plan, forget_in_memory_and_derive, request=request, delete_copies=delete_copies
            )
        except StoreError:
            if folder.has_intent():
                memory.once()
            raise
    spent = (time.perf_counter() - start) * 1e3
    facts = _facts(plan, model.classes_left) | {
        "reason": reason,
        "grounds": grounds,
        "memory_ms": None if engine is None else memory.ms,
        "disk_ms": None if ended is None else spent - memory.ms - derive.ms,
        "derived": len(derive.result) + len(plan.rewritten),
        "derive_ms": derive.ms,
    }
    return _never_saved(facts) if folder is None or ended is None else _saved(facts, folder, ended)


def ended_in_folder(folder: ModelFolder, plan: Plan, classes_left: int) -> Erasure | None:
    """Return what came of a plan that was cut off, from its receipt in the folder, None if it had not begun there.

    Only a receipt counts that the folder's keyring signed, of this model and these records. Raises `IntegrityError`
    if a check after the erasure has failed, `StoreError` if a receipt can't be read.
    """
    ids = {record.id for record in plan.records}
    if any(map(folder.is_live, ids)):
        return None
    keys = folder.keyring.signing.known()
    for entry in folder.ledger.entries():
        if entry.event != "forget":
            continue
        erased = {str(record["id"]) for record in entry.data["records"]}
        if (
            not erased or not erased <= ids
        ):  # what was derived on loading was never written, so it isn't listed
            continue
        content = read_bounded(folder.path / receipt_name(str(entry.data["erasure"])))
        try:
            receipt, _ = read_receipt(content, keys)
        except IntegrityError:
            continue  # nobody's, so it says nothing
        if _is_of(receipt, folder, str(entry.data["erasure"]), erased):
            facts = {**_facts(plan, classes_left), **_stated(receipt)}
            return _saved(facts, folder, Ended(content, receipt))
    return None


def _is_of(receipt: Receipt, folder: ModelFolder, erasure: str, records: set[str]) -> bool:
    """Tell whether a receipt is that of an erasure of these records in this model."""
    same = receipt.erasure == erasure and receipt.model["id"] == folder.manifest.model
    return same and {str(record["id"]) for record in receipt.records} == records


def ended_in_memory(plan: Plan, classes_left: int) -> Erasure:
    """Return what came of a plan that was cut off in a model that was never saved, and then ended."""
    return _never_saved(_facts(plan, classes_left))


def _facts(plan: Plan, classes_left: int) -> dict[str, Any]:
    """Return what an erasure says of a plan, without times and requests."""
    return {
        "what": plan.what,
        "targets": len(plan.targets),
        "records": sorted(record.id for record in plan.records),
        "guarantee": plan.engine.guarantee,
        "meaning": plan.engine.signed_meaning(),
        "reason": None,
        "grounds": None,
        "memory_ms": None,
        "disk_ms": None,
        "derived": 0,
        "derive_ms": 0.0,
        "classes_left": classes_left,
    }


def _stated(receipt: Receipt) -> dict[str, Any]:
    request = receipt.request
    return {
        "reason": request["reference"],
        "grounds": request["grounds"],
        "derived": receipt.derived,
    }


def _never_saved(facts: dict[str, Any]) -> Erasure:
    return Erasure(
        id=secrets.token_hex(16),
        time=now(),
        bytes_removed=0,
        copies=[],
        generation=None,
        receipt=None,
        **facts,
    )


def _saved(facts: dict[str, Any], folder: ModelFolder, ended: Ended) -> Erasure:
    receipt = ended.receipt
    refuse_failed(receipt)
    return Erasure(
        id=receipt.erasure,
        time=receipt.finished,
        bytes_removed=sum(int(record["bytes"]) for record in receipt.records),
        copies=receipt.copies,
        generation=folder.manifest.generation,
        receipt=folder.path / receipt_name(receipt.erasure),
        **facts,
    )


class _Loaded:
    """A model in memory that is to forget."""

    def __init__(self, engine: Engine, plan: Plan) -> None:
        self._engine, self._plan = engine, plan

    def forget(self) -> None:
        """Destroy what the plan says in memory."""
        for target in self._plan.targets:
            if target.what == "class" and target.name in self._engine.bank:
                self._engine.forget(target.name)
            elif target.what == "subject" and target.name in self._engine.bank.subjects:
                self._engine.forget_subject(target.name)
        if self._plan.rewritten:
            self._engine.take_rewritten(self._plan.rewritten)

    def derive(self) -> list[ClassRecord]:
        """Derive what follows from the records that are left."""
        return self._engine.derive()

    @property
    def classes_left(self) -> int:
        """How many classes the model knows now."""
        return len(self._engine.bank)


class _OnDiskOnly:
    """A model folder whose model isn't loaded: there is nothing to forget in memory."""

    def __init__(self, folder: ModelFolder, plan: Plan) -> None:
        self._folder, self._engine, self._rewritten = folder, plan.engine, len(plan.rewritten)
        self.classes_left = 0

    def forget(self) -> None:
        """Do nothing."""

    def derive(self) -> list[ClassRecord]:
        """Derive what follows from the records that are left, which are read from the folder."""
        if self._engine.one_record_per_class:  # reading a large bank takes longer than all the rest
            self.classes_left = len(self._folder.manifest.records) - self._rewritten
            return []
        bank = bank_of(self._folder, self._folder.records())
        self.classes_left = len(bank)
        return derive_in_folder(self._folder, bank)


class _Timed:
    """Calls a function once, and keeps its result and how many milliseconds it took."""

    def __init__(self, do: Callable[[], Any]) -> None:
        self._do: Callable[[], Any] | None = do
        self.ms = 0.0
        self.result: Any = []

    def once(self) -> Any:
        """Call the function, unless that has been done; return its result."""
        if self._do is not None:
            do, self._do = self._do, None
            start = time.perf_counter()
            self.result = do()
            self.ms = (time.perf_counter() - start) * 1e3
        return self.result
