"""Measures of one service for Prometheus; labels are models, routes and codes, never classes or persons."""

from __future__ import annotations

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
MEDIA_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The measures, in a table of their own, so that several services can be in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        table = self.registry
        ProcessCollector(registry=table)
        self.latency = Histogram(
            "preforget_request_seconds",
            "From the whole request to the end of the response",
            ["route", "method", "code"],
            buckets=SECONDS,
            registry=table,
        )
        self.queue = Gauge(
            "preforget_queue_inputs", "Inputs that wait for a batch", ["model"], registry=table
        )
        self.batch = Histogram(
            "preforget_batch_inputs", "Inputs in a batch", ["model"], buckets=SIZES, registry=table
        )
        self.answers = Counter("preforget_answers", "Inputs that were answered", ["model"], registry=table)
        self.abstained = Counter(
            "preforget_abstained", "Inputs that the model abstained on", ["model"], registry=table
        )
        self.epoch = Gauge("preforget_epoch", "Epoch of the model's roster", ["model"], registry=table)
        self.classes = Gauge("preforget_classes", "Classes that can be answered", ["model"], registry=table)
        self.receipt = Histogram(
            "preforget_receipt_seconds",
            "From asking to forget to the receipt",
            ["model"],
            buckets=SECONDS,
            registry=table,
        )
        self.failed = Counter(
            "preforget_forgettings_failed", "Forgettings that failed", ["model"], registry=table
        )

    def saw_batch(self, model: str, count: int, waiting: int, abstained: float) -> None:
        """Count one batch."""
        self.batch.labels(model).observe(count)
        self.queue.labels(model).set(waiting)
        self.answers.labels(model).inc(count)
        self.abstained.labels(model).inc(abstained * count)

    def saw_forgetting(self, model: str, seconds: float, *, done: bool) -> None:
        """Count one forgetting."""
        if done:
            self.receipt.labels(model).observe(seconds)
        else:
            self.failed.labels(model).inc()

    def text(self) -> bytes:
        """Return all measures as Prometheus reads them."""
        return generate_latest(self.registry)
