"""The interval of a share that was counted on few inputs (Clopper and Pearson, Biometrika 26, 1934)."""

from __future__ import annotations

COVERAGE = 0.95


def share_interval(hits: int, total: int, coverage: float = COVERAGE) -> tuple[float, float]:
    """Return the interval that holds the true share at least as often as `coverage` says; 0 to 1 of no input.

    >>> low, high = share_interval(9, 10)
    >>> round(low, 3), round(high, 3)
    (0.555, 0.997)
    """
    from scipy.special import betaincinv  # scipy takes a while, and answering needs no interval

    tail = (1 - coverage) / 2
    low = float(betaincinv(hits, total - hits + 1, tail)) if hits else 0.0
    high = float(betaincinv(hits + 1, total - hits, 1 - tail)) if hits < total else 1.0
    return low, high
