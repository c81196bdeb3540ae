from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preforget.classifier.labels import (
    KINDS,
    answers_of,
    as_text,
    check_fits,
    fits,
    kind_of,
    labels_of,
    name_of,
    names_of_some,
    ordered,
)
from preforget.core.abstain import ABSTAIN
from preforget.core.errors import DataError, UsageError


def is_name(text: str) -> bool:
    """Tell whether a text is a label in the form that all labels get."""
    try:
        return name_of(text) == text
    except DataError:
        return False


LABELS = (
    st.lists(st.integers(-(2**53), 2**53), min_size=1)
    | st.lists(st.booleans(), min_size=1)
    | st.lists(st.integers(-1000, 1000).map(float), min_size=1)
    | st.lists(st.text(min_size=1).filter(lambda text: is_name(text)), min_size=1)
)


@given(LABELS)
def test_labels_come_back_in_numpys_order_and_of_their_kind(labels: list[Any]) -> None:
    kind = kind_of(labels)
    names = [name_of(label) for label in labels]
    assert all(fits(name, kind) for name in names)
    back = labels_of(names, kind)
    assert back.tolist() == labels
    assert back.dtype.kind == np.array(labels).dtype.kind
    assert labels_of(ordered(set(names), kind), kind).tolist() == sorted(set(labels))


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (np.array([1, 2], dtype=np.uint8), "integer"),
        (np.array([1, 2], dtype=object), "integer"),
        ([1, "a"], "text"),
        ([True, 1], "text"),
        ([2**60], "text"),
        ([None], "text"),
        ([], "text"),
    ],
)
def test_the_kind_of_labels(labels: Any, kind: str) -> None:
    assert kind_of(labels) == kind


def test_one_label_or_several() -> None:
    assert names_of_some(3) == names_of_some(np.int64(3)) == names_of_some([3]) == names_of_some("3") == ["3"]
    assert names_of_some(np.arange(2)) == ["0", "1"]
    assert names_of_some(np.array(3)) == ["3"]
    assert names_of_some(()) == []


def test_answers_are_objects_only_where_something_abstains() -> None:
    names = np.array(["10", "2"], dtype=object)
    assert answers_of(names, "integer").tolist() == [10, 2]
    mixed = answers_of(np.array(["10", ABSTAIN], dtype=object), "integer")
    assert mixed.dtype == object
    assert mixed[0] == 10
    assert mixed[1] is ABSTAIN


def test_what_is_no_label() -> None:
    with pytest.raises(DataError, match="Unknown label type: continuous"):
        as_text([0.5, 1.0])
    with pytest.raises(DataError, match="it can't be a label itself"):
        as_text(["a", ABSTAIN])
    for name in ("a", "012", "1.0", "9" * 20):
        with pytest.raises(UsageError, match="of the kind 'integer'"):
            check_fits(name, "integer")
    assert [kind for kind in KINDS if fits("12", kind)] == ["text", "integer", "float"]
