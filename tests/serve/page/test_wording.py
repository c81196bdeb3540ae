from __future__ import annotations

from preforget.serve.page.wording import counted, moment, number, percent


def test_numbers_and_times_are_written_for_people() -> None:
    assert [percent(x) for x in (0, 0.0004, 0.5, 0.123, 0.99999, 1)] == [
        "0 %", "< 0.1 %", "50 %", "12.3 %", "99.9 %", "100 %",
    ]  # fmt: skip
    assert moment("2026-01-31T12:00:00.000Z") == "31 Jan 2026, 12:00:00 UTC"
    assert number(-1234.5, 1) == "−1,234.5"
    assert (counted(1, "class", "classes"), counted(0, "class", "classes")) == ("1 class", "0 classes")
