"""Spans of requests and forgettings for OpenTelemetry, without names of classes and persons; the extra `otel`.

The standard's variables say where they go: without `OTEL_EXPORTER_OTLP_ENDPOINT` or
`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` there are none.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from preforget.core.errors import UsageError
from preforget.core.version import __version__
from preforget.serve import logs

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class Tracing:
    """Writes spans with a provider of its own, so that nothing global is set."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("preforget", __version__)

    def saw_request(self, scope: MutableMapping[str, Any], code: int, seconds: float) -> None:
        """Write the span of a request that has ended, under the one that the caller states (W3C Trace Context).

        Its name and attributes are the method, the route, the code and the caller's id: no path as typed, no query.
        """
        from opentelemetry.trace import SpanKind, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        method, route = logs.method_of(scope), logs.route_of(scope)
        parent = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
        stated = {"traceparent": parent.decode("latin-1")}  # a tracestate may hold anything
        end = time.time_ns()
        span = self._tracer.start_span(
            f"{method} {route}",
            TraceContextTextMapPropagator().extract(stated),
            SpanKind.SERVER,
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": code,
                "preforget.caller": str(scope.get(logs.CALLER, "-")),
            },
            start_time=end - int(seconds * 1e9),
        )
        if code >= 500:
            span.set_status(StatusCode.ERROR)
        span.end(end)

    def saw_forgetting(self, model: str, seconds: float, *, done: bool) -> None:
        """Write the span of a forgetting that has ended: from asking to the receipt."""
        from opentelemetry.trace import StatusCode

        end = time.time_ns()
        attributes: dict[str, str | bool] = {"preforget.model": model, "preforget.done": done}
        span = self._tracer.start_span(
            "forget", None, attributes=attributes, start_time=end - int(seconds * 1e9)
        )
        if not done:
            span.set_status(StatusCode.ERROR)
        span.end(end)

    def close(self) -> None:
        """Send what is still here."""
        self._provider.shutdown()


def make_tracing(environment: Mapping[str, str] = os.environ) -> Tracing | None:
    """Return what writes spans to the collector that the environment names, None if it names none.

    Raises `UsageError` if the libraries aren't there.
    """
    if not any(environment.get(name) for name in ENDPOINTS):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the environment names a collector for OpenTelemetry, and {error.name} is missing; run: "
            "pip install 'preforget[otel]', or unset " + " and ".join(ENDPOINTS)
        ) from None
    name = (
        environment.get("OTEL_SERVICE_NAME") or "preforget"
    )  # what is given here would count more than the variable
    provider = TracerProvider(
        resource=Resource.create({"service.name": name, "service.version": __version__})
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider)
