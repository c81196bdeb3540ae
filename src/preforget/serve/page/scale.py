"""Where a confidence and its threshold stand on a bar."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Positions in percent of the bar's length; `squeezed`: whether the ends stand for any distance."""

    confidence: float
    threshold: float
    squeezed: bool


def scale_of(confidence: float, threshold: float) -> Scale:
    """Return positions: as they are between 0 and 1, else by the distance from a threshold in the middle.

    >>> scale_of(0.8, 0.5)
    Scale(confidence=80.0, threshold=50.0, squeezed=False)
    >>> scale_of(-5.0, -5.0), scale_of(-70.0, -5.0)
    (Scale(confidence=50.0, threshold=50.0, squeezed=True), Scale(confidence=2.7, threshold=50.0, squeezed=True))
    """
    if 0 <= confidence <= 1 and 0 <= threshold <= 1:
        return Scale(round(100 * confidence, 1), round(100 * threshold, 1), squeezed=False)
    margin = confidence - threshold
    return Scale(round(50 + 48 * margin / (1 + abs(margin)), 1), 50.0, squeezed=True)
