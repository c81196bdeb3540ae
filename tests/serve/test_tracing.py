from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from preforget.serve.app import make_app
from preforget.serve.making import make_service
from preforget.serve.settings import Settings
from preforget.serve.tracing import ENDPOINTS, Tracing, make_tracing

from .conftest import NAMES, ROWS, bearer, forget, tensor

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_spans_of_requests_and_of_a_forgetting_name_nobody(model: Path) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    service = make_service(
        [model], settings=Settings(open_reading=True), tracing=Tracing(provider), device="cpu"
    )
    with TestClient(make_app(service), base_url="http://localhost") as client:
        stated = {"traceparent": PARENT, "tracestate": "who=Ada", **bearer(client, "predictor")}
        client.post("/v2/models/model/infer?who=Ada", json=tensor(ROWS[:1]), headers=stated)
        client.get("/api/v1/Grace")
        assert forget(client, label="Mary", reason="r-1")["status"] == "done"
        spans = {span.name: span for span in exporter.get_finished_spans()}
        answered = spans["POST /v2/models/{name}/infer"]
        assert answered.parent is not None
        assert f"{answered.parent.trace_id:032x}" in PARENT
        assert answered.attributes is not None
        assert answered.attributes["http.response.status_code"] == 200
        assert answered.end_time > answered.start_time  # type: ignore[operator]
        assert {"GET (none)", "POST /api/v1/forgettings", "forget"} <= {*spans}
        written = "".join(span.to_json() for span in exporter.get_finished_spans())
        assert not [name for name in NAMES if name in written]


def test_without_a_collector_there_are_none() -> None:
    assert make_tracing({}) is None
    assert make_tracing(dict.fromkeys(ENDPOINTS, "")) is None


@pytest.mark.parametrize("name", ["preforget", "elsewhere"])
def test_with_a_collector_there_are_some(name: str) -> None:
    given = {} if name == "preforget" else {"OTEL_SERVICE_NAME": name}
    tracing = make_tracing({ENDPOINTS[0]: "http://127.0.0.1:9", **given})
    assert tracing is not None
    assert tracing._provider.resource.attributes["service.name"] == name
    tracing.close()
