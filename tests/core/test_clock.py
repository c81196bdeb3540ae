from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from preforget.core.clock import now


def test_the_form() -> None:
    for _ in range(50):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", now(), re.ASCII)


def test_it_is_the_time() -> None:
    before = datetime.now(UTC)
    found = datetime.fromisoformat(now())
    after = datetime.now(UTC)
    assert found.tzinfo is not None
    assert before - timedelta(milliseconds=1) < found <= after


def test_a_time_ahead() -> None:
    found = datetime.fromisoformat(now(timedelta(days=1))) - datetime.now(UTC)
    assert abs(found - timedelta(days=1)) < timedelta(minutes=5)


def test_text_sorts_like_time() -> None:
    times = [now() for _ in range(1000)]
    assert times == sorted(times)
    assert len({len(time) for time in times}) == 1


def test_the_machine_s_time_zone_does_not_matter() -> None:
    code = "import sys; from preforget.core.clock import now; sys.stdout.write(now())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"TZ": "Pacific/Kiritimati"},  # 14 hours ahead
        capture_output=True,
        text=True,
        check=True,
    )
    assert abs(datetime.fromisoformat(done.stdout) - datetime.now(UTC)) < timedelta(minutes=5)
