from __future__ import annotations

from preforget.serve.metrics import Metrics


def test_batches_and_forgettings_are_counted_by_model() -> None:
    metrics = Metrics()
    metrics.saw_batch("m", 8, 3, 0.25)
    metrics.saw_forgetting("m", 0.2, done=True)
    metrics.saw_forgetting("m", 0.2, done=False)
    lines = metrics.text().decode().splitlines()
    assert 'preforget_answers_total{model="m"} 8.0' in lines
    assert 'preforget_abstained_total{model="m"} 2.0' in lines
    assert 'preforget_queue_inputs{model="m"} 3.0' in lines
    assert 'preforget_receipt_seconds_count{model="m"} 1.0' in lines
    assert 'preforget_forgettings_failed_total{model="m"} 1.0' in lines
