"""Times as they are written down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def now(ahead: timedelta = timedelta()) -> str:
    """Return the time in UTC as RFC 3339 with milliseconds, such as `2026-01-31T12:00:00.000Z`, or a time `ahead`."""
    return (datetime.now(UTC) + ahead).isoformat(timespec="milliseconds").replace("+00:00", "Z")
