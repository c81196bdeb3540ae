from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from preforget.core.errors import DataError
from preforget.serve.page.trying import numbers

from ..conftest import ROWS
from .conftest import Visitor


def row_text(index: int) -> str:
    return ", ".join(map(str, ROWS[index]))


def test_the_answer_is_the_models_own(visitor: Visitor) -> None:
    answer = visitor.post("/models/people/try", {"text": row_text(0)})
    expected = visitor.model.respond(ROWS[:1].astype(np.float32))
    assert expected.answers.tolist() == ["Ada"]
    assert '<h2 id="answer" class="verdict"><span class="unseen">Answer: </span>Ada</h2>' in answer.text
    assert answer.headers["preforget-epoch"] == str(visitor.service.model(None).standing().epoch)
    assert "Confidence against the threshold" in answer.text


def test_it_abstains_on_what_is_like_nothing(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    page = visitor.post("/models/people/try", {"text": "900, -900, 900, -900"}).text
    assert "This model gives its best guess even below the line." in page
    assert "fill below" in page
    monkeypatch.setattr(visitor.model, "on_unknown", "abstain")
    page = visitor.post("/models/people/try", {"text": "900, -900, 900, -900"}).text
    assert "The model abstains" in page
    assert "This looks like nothing that it knows" in page


def test_a_file_counts_before_the_text(visitor: Visitor) -> None:
    files = {"file": ("row.csv", row_text(20).encode(), "text/csv")}
    page = visitor.post("/models/people/try", {"text": row_text(0)}, files=files).text
    assert "</span>Grace</h2>" in page


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Give one row of numbers first."),
        ("one, two", "this is no row of numbers"),
        ("1, 2", "the inputs can&#39;t be used"),
        ("[[1, 2, 3, 4], [1, 2, 3, 4]]", "give one row of numbers"),
        ("nan, 1, 1, 1", "the inputs can&#39;t be used"),
    ],
)
def test_what_cannot_be_used_is_told_in_the_form(visitor: Visitor, text: str, said: str) -> None:
    page = visitor.post("/models/people/try", {"text": text})
    assert page.status_code == 422
    assert said in page.text
    assert 'role="alert"' in page.text


def test_rows_of_numbers_as_people_write_them() -> None:
    for text in (b"1, 2.5", b"1 2.5", b"[1, 2.5]", b"1; 2,5", b"\xef\xbb\xbf1\n2.5\n", b"[[1, 2.5]]"):
        assert np.array_equal(numbers(text), [[1, 2.5]])
    for text in (b"", b"[", b"{}", b"1,,x", b'["a"]', b"[" * 100_000):
        with pytest.raises(DataError):
            numbers(text)


def test_only_as_much_is_told_as_the_service_tells(serving: Callable[..., Visitor]) -> None:
    visitor = serving(open_reading=True, labels_only=True, rate=0.001, burst=1)
    page = visitor.post("/models/people/try", {"text": row_text(0)}).text
    assert "</span>Ada</h2>" in page
    assert "Confidence" not in page
    assert "Grace" not in page
    answer = visitor.post("/models/people/try", {"text": row_text(0)})
    assert (answer.status_code, "Too many requests" in answer.text) == (429, True)
