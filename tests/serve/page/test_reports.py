from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from preforget.serve.page.reports import reports_of
from preforget.serve.reports import DONE, EVALUATION, NAMES, PAGE, Report

from .conftest import Visitor

AUDIT = Path(__file__).parents[2] / "audit"


def test_none_yet(visitor: Visitor) -> None:
    assert "No reports yet" in visitor.get("/models/people/reports").text
    assert visitor.get("/models/people/reports/audit").status_code == 404


def test_one_that_is_started_here_is_listed_and_leaves_while_it_is_true(
    serving: Callable[..., Visitor],
) -> None:
    visitor = serving(open_reading=True)
    kept = visitor.service.reports["people"]
    assert "start the service with the data" not in visitor.get("/models/people/reports").text
    visitor.sign_in("operator")
    assert "start the service with the data" in visitor.get("/models/people/reports").text
    assert visitor.post("/models/people/evaluations", {}).status_code == 409
    assert visitor.post("/models/people/audit", {"suite": "quick"}).status_code == 422
    assert visitor.post("/models/people/audit", {"suite": "quick", "name": "Ada"}).status_code == 409
    assert 'value="Grace"' in visitor.get("/models/people/audit").text
    kept.data = "data"
    assert "Evaluate now" in visitor.get("/models/people/reports").text
    entry = Report("0" * 32, EVALUATION, DONE, "2026-01-31T12:00:00.000Z")
    kept.entries[entry.id] = entry
    place = kept.folder / entry.id
    place.mkdir(parents=True)
    (place / PAGE).write_text("<p>Grace</p>")
    (place / NAMES).write_text('["Grace"]')
    address = f"/models/people/reports/evaluation/{entry.id}"
    assert address in visitor.get("/models/people/reports").text
    answer = visitor.get(address)
    assert (answer.status_code, answer.text) == (200, "<p>Grace</p>")
    assert "script-src" not in answer.headers["content-security-policy"]
    visitor.model.forget("Grace")
    answer = visitor.get(address)
    assert (answer.status_code, "Grace" in answer.text) == (410, False)


def test_only_folders_of_reports_beside_the_model_count(tmp_path: Path) -> None:
    for name in ("m.audit", "m.audit-2", "m.auditör", "m2.audit", "m.other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "audit.json").write_text("{}")
    assert [*reports_of(tmp_path / "m")] == ["audit", "audit-2"]


def test_a_report_names_no_class(serving: Callable[..., Visitor]) -> None:
    made_up = (AUDIT / "made-up-report.json").read_text(encoding="utf-8")
    visitor = serving(open_reading=True)
    path = visitor.service.model(None).path
    for name, text in (("audit", made_up), ("audit-damaged", "{")):
        folder = path.with_name(f"{path.name}.{name}")
        folder.mkdir()
        (folder / "audit.json").write_text(text)
    page = visitor.get("/models/people/reports").text
    assert "/models/people/reports/audit" in page
    assert "it is damaged" in page
    answer = visitor.get("/models/people/reports/audit")
    assert answer.status_code == 200
    for name in json.loads(made_up)["forgotten"]:
        assert f">{name}<" not in answer.text
    assert "forgotten class 1" in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]
    assert visitor.get("/models/people/reports/audit-damaged").status_code == 409
