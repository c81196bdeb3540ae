from __future__ import annotations

from typing import Any

import pytest
import torch

from preforget.core.errors import UsageError
from preforget.records import ClassRecord
from preforget.records.layout import Layout
from preforget.records.moments import Moments
from preforget.records.units import (
    check_unit,
    fewest_for_moments,
    make_unit,
    unit_count,
    unit_moments,
    unit_total,
)

SIZE = 6


def rows(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-99, 100, (count, SIZE), generator=generator).to(torch.int16)


NONE = rows(0)


def test_features_while_they_take_less_room() -> None:
    limit = fewest_for_moments(SIZE)
    few, many = (make_unit("a", None, [rows(count)], NONE) for count in (limit - 1, limit))
    assert set(few.tensors) == {"features", "held_out"}
    assert set(many.tensors) == {"count", "total", "scatter", "held_out"}
    sizes = [sum(t.numel() * t.element_size() for n, t in u.tensors.items()) for u in (few, many)]
    more = make_unit("a", None, [rows(10 * limit)], NONE)
    assert sum(t.numel() * t.element_size() for t in more.tensors.values()) == sizes[1]
    assert sizes[0] <= sizes[1]


@pytest.mark.parametrize("count", [1, 2, 20, 31, 32, 33, 100])
def test_chunks_do_not_matter(count: int) -> None:
    whole = make_unit("a", "Ada", [rows(count)], rows(2, 1))
    for size in (1, 3, 30):
        parts = make_unit("a", "Ada", iter(rows(count).split(size)), rows(2, 1))
        assert parts.digest() == whole.digest()
        assert parts.id != whole.id


@pytest.mark.parametrize("count", [1, 20, 100])
def test_moments_either_way(count: int) -> None:
    unit, direct = make_unit("a", None, [rows(count)], NONE), Moments.of(rows(count))
    found = unit_moments(unit)
    assert unit_count(unit) == found.count == count
    assert torch.equal(found.scatter, direct.scatter)
    assert torch.equal(unit_total(unit), direct.total)


def test_no_image_at_all() -> None:
    unit = make_unit("a", "Ada", [], rows(3))
    assert unit_count(unit) == 0
    assert not unit_moments(unit).scatter.any()


@pytest.mark.parametrize(
    "change",
    [
        {"features": rows(2).float()},
        {"features": rows(2)[:, :5]},
        {"held_out": rows(2)[0]},
        {"held_out": rows(2)[:, :5]},
        {"more": rows(2)},
    ],
)
def test_what_is_no_unit(change: dict[str, Any]) -> None:
    good = make_unit("a", None, [rows(3)], rows(1))
    check_unit(good, Layout(SIZE))
    with pytest.raises(UsageError, match="doesn't hold statistics of 6 features"):
        check_unit(ClassRecord("a", {**good.tensors, **change}), Layout(SIZE))


def test_what_are_no_moments() -> None:
    good = make_unit("a", None, [rows(100)], rows(1))
    check_unit(good, Layout(SIZE))
    for name in ("count", "total", "scatter"):
        left = {n: t for n, t in good.tensors.items() if n != name}
        with pytest.raises(UsageError):
            check_unit(ClassRecord("a", left), Layout(SIZE))
    with pytest.raises(UsageError):
        check_unit(ClassRecord("a", {**good.tensors, "scatter": good.tensors["scatter"][1:]}), Layout(SIZE))
