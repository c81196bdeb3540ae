"""Destroy what a model holds of a class or a subject: on disk first, so that it can't come back from there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from preforget.core.errors import StoreError
from preforget.core.guarantee import Guarantee
from preforget.engines.base import Engine
from preforget.erasure.plan import derive_in_folder
from preforget.records import ClassRecord
from preforget.records.condition_bank import EVERYONE
from preforget.store import ModelFolder


@dataclass(frozen=True)
class Erasure:
    """What was erased, when, and what that promises; without the name, which may be personal.

    `what`: `class` or `subject`; `records`: ids of all that was destroyed; `time` is UTC in RFC 3339; `memory_ms` and
    `disk_ms` are milliseconds, None where the model was not loaded or not saved; `bytes_removed` counts the files, 0
    where the model was never saved; `derived` is how many records were derived anew from what is left, in `derive_ms`;
    `generation` is the folder's number after it all.
    """

    what: str
    records: list[str]
    guarantee: Guarantee
    time: str
    reason: str | None
    memory_ms: float | None
    disk_ms: float | None
    bytes_removed: int
    derived: int
    derive_ms: float
    classes_left: int
    generation: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, with the guarantee's meaning beside its name."""
        plain = {**asdict(self), "guarantee": self.guarantee.value}
        return {**plain, "meaning": self.guarantee.meaning}


def forget(
    engine: Engine,
    folder: ModelFolder | None,
    *,
    label: str | None = None,
    subject: str | None = None,
    reason: str | None = None,
) -> Erasure:
    """Erase a class, or a subject in all classes, from the model folder, if there is one, and from memory.

    Raises `UnknownLabelError` for a name the model doesn't hold, `StoreError` if the folder can't be changed:
    nothing is forgotten then, unless the erasure on disk had begun. In that case it is gone from memory too,
    and opening the folder ends what has begun.
    """
    ids = [record.id for record in engine.going(label, subject)]
    removed, disk_ms = 0, None

    def in_memory() -> None:
        if label is not None:
            engine.forget(label)
        else:
            engine.forget_subject(str(subject))

    if folder is not None:
        start = time.perf_counter()
        try:
            # what was derived on loading was never written
            removed = folder.erase([i for i in ids if i in folder.manifest.records])
        except StoreError:
            if not set(ids) & set(folder.manifest.records):
                in_memory()
            raise
        disk_ms = (time.perf_counter() - start) * 1e3
    start = time.perf_counter()
    in_memory()
    memory_ms = (time.perf_counter() - start) * 1e3
    start = time.perf_counter()
    derived = engine.derive()
    if folder is not None and derived:
        _write_derived(folder, derived)
    derive_ms = (time.perf_counter() - start) * 1e3
    return Erasure(
        what="subject" if label is None else "class",
        records=ids,
        guarantee=engine.guarantee,
        time=_now(),
        reason=reason,
        memory_ms=memory_ms,
        disk_ms=disk_ms,
        bytes_removed=removed,
        derived=len(derived),
        derive_ms=derive_ms,
        classes_left=len(engine.bank),
        generation=folder.manifest.generation if folder else None,
    )


def forget_in_folder(
    folder: ModelFolder, going: Sequence[ClassRecord], *, what: str = "class", reason: str | None = None
) -> Erasure:
    """Erase records from a model folder that nobody has loaded; needs no backbone, so a lost one can't prevent it.

    `going` comes from `plan`. Raises `StoreError` if the folder can't be changed.
    """
    ids = [record.id for record in going]
    start = time.perf_counter()
    removed = folder.erase(ids)
    disk_ms = (time.perf_counter() - start) * 1e3
    start = time.perf_counter()
    left = folder.records()
    derived = derive_in_folder(folder, left)
    if derived:
        _write_derived(folder, derived)
    return Erasure(
        what=what,
        records=ids,
        guarantee=Guarantee(folder.manifest.guarantee),
        time=_now(),
        reason=reason,
        memory_ms=None,
        disk_ms=disk_ms,
        bytes_removed=removed,
        derived=len(derived),
        derive_ms=(time.perf_counter() - start) * 1e3,
        classes_left=len({record.label for record in left} - {EVERYONE}),
        generation=folder.manifest.generation,
    )


def _write_derived(folder: ModelFolder, derived: Sequence[ClassRecord]) -> None:
    try:
        folder.change(add=derived)
    except StoreError as error:
        raise StoreError(
            f"the forgetting is done, but what follows from the other classes could not be kept: {error}; "
            "it is derived again whenever the model is loaded"
        ) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
