"""Statistics of a class, or of one subject's images in it: the features of a few images, or the moments of many.

A unit is what can be forgotten by itself. It is a `ClassRecord` with the tensors

- `features int16 [n, F]`, or, where that would take more room, `count int64 []`, `total int64 [F]` and `scatter int64
  [F (F + 1) / 2]`;
- `held_out int16 [v, F]`: features of images that calibrate abstention and were not summed.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from preforget.core.errors import UsageError
from preforget.records.moments import Moments, square, triangle
from preforget.records.record import ClassRecord

MEAN_BYTES = 8
FEATURE_BYTES = 2


def fewest_for_moments(features: int) -> int:
    """Return the least number of images whose moments take less room than `features` numbers of 16 bits each."""
    return (features * (features + 1) // 2 + features) * MEAN_BYTES // (features * FEATURE_BYTES) + 1


def make_unit(label: str, subject: str | None, chunks: Iterable[Tensor], held_out: Tensor) -> ClassRecord:
    """Sum up a unit from `int16 [n, F]` chunks, in bounded memory; `held_out` is `int16 [v, F]`.

    What is stored depends on the images alone, not on how they are split into chunks.
    """
    size = held_out.shape[1]
    limit = fewest_for_moments(size)
    kept: list[Tensor] = []
    moments: Moments | None = None
    for chunk in chunks:
        kept.append(chunk)
        if moments is not None or sum(map(len, kept)) >= limit:
            part = Moments.of(torch.cat(kept))
            moments = part if moments is None else moments + part
            kept = []
    if moments is None:
        features = torch.cat(kept) if kept else torch.empty(0, size, dtype=torch.int16)
        return ClassRecord(label, {"features": features, "held_out": held_out}, subject=subject)
    tensors = {
        "count": torch.tensor(moments.count),
        "total": moments.total.to(torch.int64),
        "scatter": triangle(moments.scatter),
        "held_out": held_out,
    }
    return ClassRecord(label, tensors, subject=subject)


def unit_moments(unit: ClassRecord) -> Moments:
    """Return a unit's moments in float64, whichever way it stores them."""
    if "features" in unit.tensors:
        return Moments.of(unit.tensors["features"])
    total = unit.tensors["total"].double()
    return Moments(int(unit.tensors["count"]), total, square(unit.tensors["scatter"], len(total)))


def unit_total(unit: ClassRecord) -> Tensor:
    """Return the sum of a unit's features, `float64 [F]`."""
    if "features" in unit.tensors:
        return unit.tensors["features"].sum(dim=0, dtype=torch.int64).double()
    return unit.tensors["total"].double()


def unit_count(unit: ClassRecord) -> int:
    """Return how many images a unit sums up."""
    return len(unit.tensors["features"]) if "features" in unit.tensors else int(unit.tensors["count"])


def check_unit(unit: ClassRecord, features: int) -> None:
    """Raise `UsageError` unless a record is a unit of `features` numbers per image."""
    t = unit.tensors
    few = {"features": (2, torch.int16), "held_out": (2, torch.int16)}
    many = {"count": (0, torch.int64), "total": (1, torch.int64), "scatter": (1, torch.int64)}
    wanted = few if "features" in t else {**many, "held_out": few["held_out"]}
    fits = {n: (x.dim(), x.dtype) for n, x in t.items()} == wanted and t["held_out"].shape[1] == features
    if fits and "features" in t:
        fits = t["features"].shape[1] == features
    elif fits:
        fits = len(t["total"]) == features and len(t["scatter"]) == features * (features + 1) // 2
    if not fits:
        raise UsageError(f"record {unit.id} doesn't hold statistics of {features} features")
