from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from preforget.classifier import PreForgettableClassifier
from preforget.serve.problems import Problem
from preforget.serve.reports import AUDIT, DONE, EVALUATION, NAMES, PAGE, RESULT, RUNNING, STATE, Report

from .conftest import Serve, forget, labels, service_of


def kept(model: Path, status: str) -> Report:
    report = Report("1" * 32, EVALUATION, status, "2026-01-01T00:00:00.000Z")
    place = model.with_name("model.reports") / report.id
    place.parent.mkdir(0o700)
    place.mkdir()
    contents = {STATE: json.dumps(asdict(report)), PAGE: "Grace", RESULT: "{}", NAMES: '["Grace"]'}
    for name, content in contents.items():
        (place / name).write_text(content)
    return report


def test_what_was_under_way_when_the_service_ended_has_failed(serve: Serve, model: Path) -> None:
    report = kept(model, RUNNING)
    with serve() as client:
        assert client.get(f"/api/v1/evaluations/{report.id}").json()["status"] == "failed"
        assert client.get(f"/api/v1/evaluations/{report.id}/report").status_code == 409


def test_a_report_that_names_a_forgotten_class_is_destroyed(serve: Serve, model: Path) -> None:
    report = kept(model, DONE)
    with serve() as client:
        url = f"/api/v1/evaluations/{report.id}/report.html"
        assert client.get(url).text == "Grace"
        PreForgettableClassifier.from_pretrained(model, device="cpu").forget("Grace")
        said = client.get(url)
        assert said.status_code == 410
        assert "Grace" not in said.text
    assert not [
        p for p in model.with_name("model.reports").rglob("*") if p.is_file() and "Grace" in p.read_text()
    ]


def test_without_data_nothing_is_started(client: TestClient) -> None:
    with pytest.raises(Problem, match="--data"):
        service_of(client).reports["model"].start(AUDIT)


def test_what_was_cut_off_leaves_no_names_and_no_models(serve: Serve, model: Path) -> None:
    report = kept(model, RUNNING)
    place = model.with_name("model.reports") / report.id
    (place / "work" / "copies").mkdir(parents=True)
    (place / "work" / "copies" / "model").write_text("Grace")
    (place / ".writing-x").write_text("Grace")
    with serve():
        assert [path.name for path in place.iterdir()] == [STATE]


@pytest.mark.parametrize("beside", [True, False])
def test_a_report_goes_with_the_forgetting_whether_it_is_asked_for_or_not(
    serve: Serve, model: Path, beside: bool
) -> None:
    report = kept(model, DONE)
    place = model.with_name("model.reports") / report.id
    with serve() as client:
        assert (place / PAGE).exists()
        if beside:
            PreForgettableClassifier.from_pretrained(model, device="cpu").forget("Grace")
            labels(client)
        else:
            assert forget(client, label="Grace")["status"] == "done"
        assert [path.name for path in place.iterdir()] == [STATE]


def test_an_evaluation_whose_names_are_lost_is_not_told(serve: Serve, model: Path) -> None:
    report = kept(model, DONE)
    with serve() as client:
        (model.with_name("model.reports") / report.id / NAMES).write_text("{")
        assert client.get(f"/api/v1/evaluations/{report.id}/report.html").status_code == 410
