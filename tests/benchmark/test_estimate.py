from __future__ import annotations

from pathlib import Path

from preforget.benchmark.context import Context, begin, stages
from preforget.benchmark.estimate import epochs_of, estimate
from preforget.engines.isolated import IsolatedEngine


def test_what_is_left(done: Context, tmp_path: Path) -> None:
    context = begin(done.matrix, tmp_path, device="cpu")
    before = sorted(tmp_path.rglob("*"))
    found = estimate(context)
    assert found.tasks == sum(map(len, stages(context)))
    assert found.seconds > 0
    assert found.by_data == {"colours": found.seconds}
    assert found.process_bytes > 1e6
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == [
        path for path in before if path.is_file()
    ]


def test_nothing_is_left(done: Context) -> None:
    found = estimate(done)
    assert (found.seconds, found.tasks, found.by_data) == (0, 0, {})


def test_epochs() -> None:
    config = IsolatedEngine.options_type.from_options({"epochs": 7})
    assert epochs_of(config, 100) == 7
    assert epochs_of(object(), 100) == 1
