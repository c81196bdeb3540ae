"""Statistics of a class, or of one subject's inputs in it: the features of a few inputs, or the moments of many.

A unit is what can be forgotten by itself. It is a `ClassRecord` with rows of `W = F + f` numbers, see `layout`: the
first `F` are for scores, the last `f`, if any, for energies. Its tensors are

- `features int16 [n, W]`, or, where that would take more room, `count int64 []`, `total int64 [W]`, `scatter int64
  [F (F + 1) / 2]` and, with numbers for energies, `near_scatter int64 [f (f + 1) / 2]`;
- `held_out int16 [v, W]`: features of inputs that calibrate abstention and were not summed;
- `layout int64 [2]`: `f` and how many rows an input has, unless these are 0 and 1.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from preforget.core.errors import UsageError
from preforget.records.layout import NAME, Layout
from preforget.records.moments import Moments, square, triangle
from preforget.records.record import ClassRecord

MEAN_BYTES = 8
FEATURE_BYTES = 2


def triangle_size(features: int) -> int:
    """Return how many numbers the upper triangle of `[features, features]` has."""
    return features * (features + 1) // 2


def fewest_for_moments(features: int, near: int = 0) -> int:
    """Return the least number of rows whose moments take less room than their numbers of 16 bits each."""
    width = features + near
    numbers = triangle_size(features) + triangle_size(near) + width
    return numbers * MEAN_BYTES // (width * FEATURE_BYTES) + 1


def make_unit(
    label: str,
    subject: str | None,
    chunks: Iterable[Tensor],
    held_out: Tensor,
    layout: Layout | None = None,
) -> ClassRecord:
    """Sum up a unit from `int16 [n, W]` chunks, in bounded memory; `held_out` is `int16 [v, W]`.

    What is stored depends on the inputs alone, not on how they are split into chunks.
    """
    layout = Layout(held_out.shape[1]) if layout is None else layout
    size, width = layout.features, layout.width
    limit = fewest_for_moments(size, layout.near)
    kept: list[Tensor] = []
    moments: tuple[Moments, Moments] | None = None
    for chunk in chunks:
        kept.append(chunk)
        if moments is not None or sum(map(len, kept)) >= limit:
            rows = torch.cat(kept)
            part = Moments.of(rows[:, :size]), Moments.of(rows[:, size:])
            moments = part if moments is None else (moments[0] + part[0], moments[1] + part[1])
            kept = []
    if moments is None:
        features = torch.cat(kept) if kept else torch.empty(0, width, dtype=torch.int16)
        tensors = {"features": features, "held_out": held_out}
        return ClassRecord(label, {**tensors, **layout.tensors()}, subject=subject)
    scored, near = moments
    tensors = {
        "count": torch.tensor(scored.count),
        "total": torch.cat([scored.total, near.total]),
        "scatter": triangle(scored.scatter),
        "held_out": held_out,
    }
    if layout.near:
        tensors["near_scatter"] = triangle(near.scatter)
    return ClassRecord(label, {**tensors, **layout.tensors()}, subject=subject)


def unit_layout(unit: ClassRecord) -> Layout:
    """Return how the numbers of a unit lie; raises `UsageError` for one that can't be a unit's."""
    held_out = unit.tensors.get("held_out")
    width = held_out.shape[1] if held_out is not None and held_out.ndim == 2 else 0
    layout = Layout.of(unit.tensors, width)
    if layout is None:
        raise UsageError(f"record {unit.id} has an impossible layout")
    return layout


def unit_moments(unit: ClassRecord) -> Moments:
    """Return the moments of a unit's numbers for scores, whichever way it stores them."""
    size = unit_layout(unit).features
    if "features" in unit.tensors:
        return Moments.of(unit.tensors["features"][:, :size])
    total = unit.tensors["total"][:size]
    return Moments(int(unit.tensors["count"]), total, square(unit.tensors["scatter"], size))


def unit_near_moments(unit: ClassRecord) -> Moments:
    """Return the moments of a unit's numbers for energies; those for scores where it has none of their own."""
    layout = unit_layout(unit)
    if not layout.near:
        return unit_moments(unit)
    if "features" in unit.tensors:
        return Moments.of(unit.tensors["features"][:, layout.features :])
    total = unit.tensors["total"][layout.features :]
    return Moments(int(unit.tensors["count"]), total, square(unit.tensors["near_scatter"], layout.near))


def unit_total(unit: ClassRecord) -> Tensor:
    """Return the sum of a unit's numbers for scores, `float64 [F]`."""
    size = unit_layout(unit).features
    if "features" in unit.tensors:
        return unit.tensors["features"][:, :size].sum(dim=0, dtype=torch.int64).double()
    return unit.tensors["total"][:size].double()


def unit_count(unit: ClassRecord) -> int:
    """Return how many rows a unit sums up: one for each version of an input."""
    return len(unit.tensors["features"]) if "features" in unit.tensors else int(unit.tensors["count"])


def unit_inputs(unit: ClassRecord) -> int:
    """Return how many inputs a unit sums up."""
    return unit_count(unit) // unit_layout(unit).views


def sorted_rows(rows: Tensor) -> Tensor:
    """Return integer rows `[n, F]` in the order of their bytes, so that no sum tells in which order they came.

    >>> sorted_rows(torch.tensor([[2, 1], [1, 3]], dtype=torch.int16)).tolist()
    [[1, 3], [2, 1]]
    """
    keys = [row.tobytes() for row in rows.numpy()]
    return rows[sorted(range(len(keys)), key=keys.__getitem__)]


def check_unit(unit: ClassRecord, layout: Layout) -> None:
    """Raise `UsageError` unless a record is a unit whose numbers lie as told."""
    t = {n: x for n, x in unit.tensors.items() if n != NAME}
    few = {"features": (2, torch.int16), "held_out": (2, torch.int16)}
    many = {"count": (0, torch.int64), "total": (1, torch.int64), "scatter": (1, torch.int64)}
    if layout.near:
        many["near_scatter"] = (1, torch.int64)
    wanted = few if "features" in t else {**many, "held_out": few["held_out"]}
    fits = {n: (x.dim(), x.dtype) for n, x in t.items()} == wanted and t["held_out"].shape[1] == layout.width
    fits = fits and Layout.of(unit.tensors, layout.width) == layout and len(t["held_out"]) % layout.views == 0
    if fits and "features" in t:
        fits = t["features"].shape[1] == layout.width and len(t["features"]) % layout.views == 0
    elif fits:
        fits = len(t["total"]) == layout.width and len(t["scatter"]) == triangle_size(layout.features)
        fits = fits and (not layout.near or len(t["near_scatter"]) == triangle_size(layout.near))
        fits = fits and int(t["count"]) % layout.views == 0
    if not fits:
        raise UsageError(f"record {unit.id} doesn't hold statistics of {layout.features} features")
