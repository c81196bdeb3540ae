from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from preforget.core.errors import DataError, UsageError
from preforget.data import Split, as_split
from preforget.data.hold_out import hold_out


def images(labels: list[str], people: list[str] | None = None) -> Split:
    numbers = np.arange(len(labels), dtype=np.uint8)
    return as_split(np.broadcast_to(numbers[:, None, None], (len(labels), 2, 2)), labels, people)


TRAIN = images(["a", "b"] * 20, ["Ada", "Ada", "Bob", "Bob"] * 10)


def test_a_share_of_every_class_and_subject() -> None:
    kept, out = hold_out(TRAIN, None, 0)
    assert len(kept) + len(out) == 40
    assert all(out.units.count(unit) in (1, 2) for unit in set(TRAIN.units))  # 15 % of 10
    assert not set(np.ravel(kept.inputs)) & set(np.ravel(out.inputs))


def test_given_data_are_taken_as_they_are() -> None:
    validation = images(["b", "a"], ["Ada", "Cy"])
    assert hold_out(TRAIN, validation, 0) == (TRAIN, validation)
    plain = Split(TRAIN.inputs, TRAIN.labels)
    kept, out = hold_out(plain, validation, 0)
    assert kept is plain
    assert out.subjects is None
    _, out = hold_out(plain, (validation.inputs, ["b", "a"]), 0)
    assert out.labels.tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("validation", "needed", "kind", "message"),
    [
        (images(["a"], ["Ada"]), None, DataError, "no input of class 'b'"),
        (images(["a"], ["Ada"]), {"a", "c"}, DataError, "no input of class 'c'"),
        (images(["a", "b"]), None, UsageError, "need them too"),
        ("data", None, UsageError, "is a Split or a pair"),
        ([1, 2, 3], None, UsageError, "is a Split or a pair"),
    ],
)
def test_what_can_not_be_held_out(validation: Any, needed: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        hold_out(TRAIN, validation, 0, needed)
    hold_out(TRAIN, images(["a"], ["Ada"]), 0, set())


@pytest.mark.parametrize("each", [1, 2, 5])
@pytest.mark.parametrize("persons", [2, 8, 12])
def test_persons_of_few_inputs_leave_some_of_each_class_to_calibrate_with(each: int, persons: int) -> None:
    people = [f"{label}{n}" for label in "abc" for n in range(persons) for _ in range(each)]
    kept, out = hold_out(images([name[0] for name in people], people), None, 0)
    assert set(out.labels) == set(kept.labels) == {"a", "b", "c"}
