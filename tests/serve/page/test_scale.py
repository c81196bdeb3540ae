from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from preforget.serve.page.scale import scale_of

finite = st.floats(-1e6, 1e6)


@given(finite, finite)
def test_above_the_threshold_is_right_of_it_and_all_is_on_the_bar(
    confidence: float, threshold: float
) -> None:
    scale = scale_of(confidence, threshold)
    assert 0 <= scale.confidence <= 100
    assert 0 <= scale.threshold <= 100
    if abs(confidence - threshold) > 0.01:
        assert (scale.confidence > scale.threshold) == (confidence > threshold)


def test_shares_stand_where_they_are() -> None:
    assert scale_of(0.25, 0.5).confidence == 25
    assert scale_of(2.0, 0.5).squeezed
    assert math.isclose(scale_of(3.4e38, 0.5).confidence, 98)
