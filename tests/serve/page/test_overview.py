from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from preforget.serve.app import make_app
from preforget.serve.making import make_service
from preforget.serve.page import overview
from preforget.serve.settings import Settings

from .conftest import ORIGIN, Visitor


def test_it_says_what_the_model_knows_and_with_which_epoch(visitor: Visitor) -> None:
    answer = visitor.get("/models/people")
    assert "This model knows 3 classes of 2 persons." in answer.text
    assert visitor.model.engine_.signed_meaning() in answer.text
    for name in ("Ada", "Grace", "Mary"):
        assert name in answer.text
    assert answer.headers["preforget-epoch"] in answer.text
    assert "Kim" not in answer.text


def test_an_operator_leaves_classes_out_and_takes_them_back(visitor: Visitor) -> None:
    visitor.sign_in("operator")
    page = visitor.post("/models/people/detach", {"label": ["Ada", "Mary"]})
    assert "2 classes are left out of answers" in page.text
    assert visitor.model.engine_.bank.attached == ["Grace"]
    visitor.post("/models/people/attach", {"label": ["Ada", "Mary"]})
    assert visitor.model.engine_.bank.attached == ["Ada", "Grace", "Mary"]
    page = visitor.post("/models/people/detach", {})
    assert (page.status_code, "Choose at least one class first." in page.text) == (422, True)
    page = visitor.post("/models/people/detach", {"label": "<i>"})
    assert (page.status_code, "<i>" in page.text) == (422, False)


def test_many_classes_are_searched_for(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "MOST_SHOWN", 2)
    page = visitor.get("/models/people").text
    assert ("Ada" in page, "Grace" in page, "Mary" in page) == (True, True, False)
    assert "and 1 more" in page
    page = visitor.post("/models/people", {"query": "mA"}).text
    assert ("Ada" in page, "Mary" in page) == (False, True)
    assert "No class has" in visitor.post("/models/people", {"query": "<x>"}).text


def test_it_leaves_only_while_it_is_true(
    serving: Callable[..., Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = serving(open_reading=True)
    made = []

    def forget_meanwhile(model: object) -> object:
        result = real(model)  # type: ignore[arg-type]
        made.append(result)
        if len(made) == 1:
            other = type(visitor.model).from_pretrained(visitor.service.model(None).path)
            other.forget("Grace")
        return result

    real = overview.knowledge_of
    monkeypatch.setattr(overview, "knowledge_of", forget_meanwhile)
    page = visitor.get("/models/people").text
    assert len(made) == 2
    assert "Grace" not in page


def test_a_model_that_knows_nothing(serving: Callable[..., Visitor]) -> None:
    visitor = serving(open_reading=True)
    visitor.model.forget(["Ada", "Grace", "Mary"])
    assert "There is no class left." in visitor.get("/models/people").text
    assert "knows nothing any more" in visitor.get("/models/people").text
    page = visitor.post("/models/people/try", {"text": "8, 0, 0, 0"}).text
    assert "The model abstains" in page
    assert "It knows no class any more." in page
    visitor.sign_in("officer")
    assert "Nothing is left to be forgotten" in visitor.get("/models/people/forget").text


def test_several_models_are_listed_and_nobody_is_sent_to_sign_in(learned: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(learned, tmp_path / name)
    service = make_service([tmp_path / "one", tmp_path / "two"], None, Settings(open_reading=True))
    with TestClient(make_app(service), base_url=ORIGIN) as client:
        page = client.get("/").text
        assert ("/models/one" in page, "/models/two" in page) == (True, True)
    service = make_service([tmp_path / "one"], None, Settings())
    with TestClient(make_app(service), base_url=ORIGIN) as client:
        assert client.get("/").url.path == "/sign-in"
        assert client.get("/models/one").status_code == 401
