from __future__ import annotations

import pytest

from preforget.core.errors import UnknownLabelError
from preforget.records import ClassRecord, Roster, unknown_label


class Three(Roster):
    @property
    def labels(self) -> list[str]:
        return ["ant", "bee", "cat"]

    def ids(self, label: str) -> list[str]:
        return [self._known(label)]

    def affected_records(self, label: str | None = None, subject: str | None = None) -> list[ClassRecord]:
        return [ClassRecord(self._known(str(label)), {})]


def test_detaching_and_attaching() -> None:
    bank = Three()
    assert len(bank) == 3
    assert "bee" in bank
    bank.detach("bee")
    bank.detach("bee")
    assert bank.attached == ["ant", "cat"]
    assert bank.is_detached("bee")
    bank.attach("bee")
    assert bank.attached == bank.labels


def test_unknown_labels_name_the_nearest() -> None:
    with pytest.raises(UnknownLabelError, match="did you mean: cat"):
        Three().detach("car")
    assert "it knows no class" in str(unknown_label("a", []))
    assert "labels are strings, got 3 of type int" in str(unknown_label(3, ["a"]))
    assert str(unknown_label("zzz", [f"k{n}" for n in range(12)])).endswith(" …")
