from __future__ import annotations

from collections.abc import Callable

import pytest

from preforget.serve.journal import DONE
from preforget.serve.page.preview import is_confirmed, preview_of, sentence

from .conftest import Visitor


def test_it_shows_what_the_plan_says(visitor: Visitor) -> None:
    _, preview = preview_of(visitor.model, "classes", ["Ada"], "", "")
    assert (preview.classes_before, preview.classes_after, preview.touched) == (3, 2, 1)
    assert preview.inputs == 18  # without those held out
    assert preview.warnings == []
    assert "Ada" not in repr(preview)
    _, preview = preview_of(visitor.model, "persons", ["Kim"], "", "")
    assert (preview.classes_after, preview.touched, preview.subjects_after) == (3, 3, 1)
    visitor.sign_in("officer")
    page = visitor.post(
        "/models/people/preview", {"kind": "classes", "name": "Ada", "reason": "2026-118"}
    ).text
    assert "This goes for good" in page
    assert preview.meaning in page
    assert 'Type <strong class="name">Ada</strong> to go on' in page
    assert "Request 2026-118." in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Choose at least one class."),
        ({"kind": "persons"}, "Choose at least one person."),
        ({"name": "<b>Eve</b>"}, "The model has no class or subject of that name"),
        ({"name": "Ada", "reason": "for Grace"}, "The reason or the grounds can&#39;t be used"),
        ({"name": "Ada", "reason": "x" * 501}, "The reason or the grounds can&#39;t be used"),
    ],
)
def test_what_cannot_be_asked_is_told_where_one_chooses(
    visitor: Visitor, fields: dict[str, str], said: str
) -> None:
    visitor.sign_in("officer")
    page = visitor.post("/models/people/preview", fields)
    assert page.status_code == 422
    assert said in page.text
    assert "<b>Eve" not in page.text
    assert "What shall be forgotten?" in page.text


def test_what_was_typed_decides(visitor: Visitor) -> None:
    assert is_confirmed(["Ada"], " Ada ")
    assert not is_confirmed(["Ada"], "ada")
    assert is_confirmed(["Ada", "Mary"], "forget 2")
    assert not is_confirmed(["Ada", "Mary"], "Ada")
    visitor.sign_in("officer")
    fields = {"kind": "classes", "name": "Ada", "key": "k" * 20, "typed": "ada"}
    page = visitor.post("/models/people/forgettings", fields)
    assert (page.status_code, "This must read: Ada" in page.text) == (422, True)
    assert visitor.post("/models/people/forgettings", {**fields, "key": ""}).status_code == 422
    assert visitor.get("/models/people/preview").url.path == "/models/people/forget/classes"


def test_one_form_is_one_erasure_however_often_it_is_sent(serving: Callable[..., Visitor]) -> None:
    visitor = serving()
    visitor.sign_in("officer")
    fields = {"kind": "persons", "name": "Kim", "key": "k" * 20, "typed": "Kim", "reason": "7"}
    csrf = visitor.csrf()
    sent = [
        visitor.post("/models/people/forgettings", {**fields, "csrf": csrf}, follow_redirects=False)
        for _ in range(3)
    ]
    assert [answer.status_code for answer in sent] == [303] * 3
    assert len({answer.headers["location"] for answer in sent}) == 1
    assert "Kim" not in sent[0].headers["location"]
    (entry,) = visitor.service.forgettings["people"].journal.entries.values()
    visitor.client.portal.call(visitor.service.forgettings["people"].finished, entry.id)  # type: ignore[union-attr]
    assert visitor.service.forgettings["people"].entry(entry.id).status == DONE
    assert visitor.model.engine_.bank.subjects == ["Lee"]


def test_a_part_of_a_message_becomes_a_sentence() -> None:
    assert sentence("as few as 2 go") == "As few as 2 go."
    assert sentence("Done.") == "Done."
