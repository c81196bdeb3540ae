"""Records as a folder holds them: what goes with a class."""

from __future__ import annotations

import pytest

from preforget.core.errors import UnknownLabelError
from preforget.records import ClassRecord, RecordList

CAT, DOG, BOTH = ClassRecord("cat", {}), ClassRecord("dog", {}), ClassRecord("cat", {}, partner="dog")
RECORDS = RecordList([DOG, CAT, BOTH])


def test_labels_and_ids() -> None:
    assert (RECORDS.labels, len(RECORDS), "cat" in RECORDS) == (["cat", "dog"], 2, True)
    assert RECORDS.ids("cat") == [CAT.id]


def test_a_record_of_two_classes_goes_with_either() -> None:
    assert RECORDS.affected_records("cat") == [CAT, BOTH]
    assert RECORDS.affected_records("dog") == [DOG, BOTH]


def test_who_is_not_known_is_named() -> None:
    with pytest.raises(UnknownLabelError, match="no class 'cow'"):
        RECORDS.affected_records("cow")
    with pytest.raises(UnknownLabelError, match="nothing of 'Ada'"):
        RECORDS.affected_records(subject="Ada")
