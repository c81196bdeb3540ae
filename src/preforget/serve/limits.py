"""How many requests for answers a caller may send: a bucket each, filled at a steady rate."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from fastapi import Request

from preforget.serve.problems import Problem
from preforget.serve.tokens import ANYBODY, Caller

MOST_CALLERS = 10_000
"""Buckets that are kept; the ones that were used longest ago are dropped."""


class Rates:
    """Buckets by caller: each request takes one drop, and `rate` drops a second come in, up to `burst`."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str) -> float:
        """Take a drop and return 0, or return the seconds until there is one."""
        time_now = self._clock()
        drops, at = self._buckets.pop(caller, (float(self._burst), time_now))
        drops = min(float(self._burst), drops + (time_now - at) * self._rate)
        missing = max(0.0, 1.0 - drops)
        self._buckets[caller] = (drops - 1 if not missing else drops), time_now
        while len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        return missing / self._rate


def within_rate(request: Request, caller: Caller) -> None:
    """Raise `Problem` if a caller asks more often than the service allows; without a token, by address."""
    rates: Rates | None = request.app.state.rates
    if rates is None:
        return
    address = request.client.host if request.client else ""
    seconds = rates.wait(address if caller == ANYBODY else caller.id)
    if seconds:
        raise Problem(429, "too many requests; ask again later", {"Retry-After": str(math.ceil(seconds))})
