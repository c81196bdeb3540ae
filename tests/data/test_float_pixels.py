from __future__ import annotations

import numpy as np
import pytest

from preforget.data.float_pixels import PLAINLY, levels_of


@pytest.mark.parametrize(
    ("numbers", "levels"),
    [
        ([0, 255], [0, 255]),
        ([0.4, PLAINLY], [0, PLAINLY]),
        ([0, 2], [0, 2]),
        ([0, 0], [0, 0]),
        ([0, 1], None),
        ([0, 0.5], None),
        ([0, 1.05], None),
        ([0, 9.7], None),
        ([-0.1, 200], None),
        ([0, 255.1], None),
        ([0, np.nan, 200], None),
        ([0, np.inf], None),
    ],
)
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_what_is_plain(numbers: list[float], levels: list[int] | None, kind: type) -> None:
    read = levels_of(np.array(numbers, kind))
    assert (read if read is None else read.tolist()) == levels
    assert read is None or read.dtype == np.uint8
