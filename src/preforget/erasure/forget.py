"""Destroy the record of one class: on disk first, so that it can't come back from there once memory is clean."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from preforget.core.errors import StoreError
from preforget.core.guarantee import Guarantee
from preforget.engines.base import Engine
from preforget.store import ModelFolder


@dataclass(frozen=True)
class Erasure:
    """What was erased, when, and what that promises; without the label, which may be personal.

    `time` is UTC in RFC 3339; `memory_ms` and `disk_ms` are milliseconds, None where the model was not loaded or
    not saved; `bytes_removed` counts the record's file, 0 where the model was never saved; `generation` is the
    folder's number after the erasure.
    """

    record: str
    guarantee: Guarantee
    time: str
    reason: str | None
    memory_ms: float | None
    disk_ms: float | None
    bytes_removed: int
    classes_left: int
    generation: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, with the guarantee's meaning beside its name."""
        plain = {**asdict(self), "guarantee": self.guarantee.value}
        return {**plain, "meaning": self.guarantee.meaning}


def forget_class(
    engine: Engine, folder: ModelFolder | None, label: str, reason: str | None = None
) -> Erasure:
    """Erase a class from its model folder, if there is one, and from memory.

    Raises `UnknownLabelError` for a label the model doesn't hold, `StoreError` if the folder can't be changed:
    nothing is forgotten then, unless the erasure on disk had begun. In that case the class is gone from memory too,
    and opening the folder ends what has begun.
    """
    record_id = engine.bank[label].id
    removed, disk_ms = 0, None
    if folder is not None:
        start = time.perf_counter()
        try:
            removed = folder.erase(record_id)
        except StoreError:
            if record_id not in folder.manifest.records:
                engine.forget(label)
            raise
        disk_ms = (time.perf_counter() - start) * 1e3
    start = time.perf_counter()
    engine.forget(label)
    memory_ms = (time.perf_counter() - start) * 1e3
    return Erasure(
        record=record_id,
        guarantee=engine.guarantee,
        time=_now(),
        reason=reason,
        memory_ms=memory_ms,
        disk_ms=disk_ms,
        bytes_removed=removed,
        classes_left=len(engine.bank),
        generation=folder.manifest.generation if folder else None,
    )


def forget_in_folder(folder: ModelFolder, record_id: str, reason: str | None = None) -> Erasure:
    """Erase a record from a model folder that nobody has loaded; needs no backbone, so a lost one can't prevent it.

    Raises `StoreError` if the folder can't be changed.
    """
    start = time.perf_counter()
    removed = folder.erase(record_id)
    return Erasure(
        record=record_id,
        guarantee=Guarantee(folder.manifest.guarantee),
        time=_now(),
        reason=reason,
        memory_ms=None,
        disk_ms=(time.perf_counter() - start) * 1e3,
        bytes_removed=removed,
        classes_left=len(folder.manifest.records),
        generation=folder.manifest.generation,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
