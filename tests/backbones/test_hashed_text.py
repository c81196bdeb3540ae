from __future__ import annotations

import numpy as np
import pytest

from preforget.backbones import Encoder, load_backbone
from preforget.backbones.hashed_text import numbers
from preforget.core.errors import DataError, UsageError
from preforget.data import texts_of


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_backbone("builtin-text", device="cpu")


def test_a_text_is_a_vector_of_unit_length(encoder: Encoder) -> None:
    rows = encoder.read(texts_of(["Send money", "send MONEY!", "rain tomorrow", "??"]), range(4)).numpy()
    assert rows.shape == (4, 512)
    np.testing.assert_array_equal(rows[0], rows[1])  # case and marks have no part
    assert rows[0] @ rows[0] == pytest.approx(1)
    assert abs(rows[0] @ rows[2]) < 0.3
    assert not rows[3].any()


def test_it_is_the_same_on_every_machine() -> None:
    known = numbers("ab", 8)
    assert np.round(known, 6).tolist() == [
        0.0,
        -0.188982,
        -0.188982,
        0.377964,
        0.377964,
        -0.188982,
        -0.188982,
        0.755929,
    ]


def test_it_knows_texts_alone_and_its_width(encoder: Encoder) -> None:
    with pytest.raises(DataError, match="reads texts"):
        encoder.read(np.zeros((1, 2, 2), dtype=np.uint8), [0])
    assert load_backbone("builtin-text", image_size=64, device="cpu").dim == 64
    assert (
        load_backbone("builtin-text", image_size=64, device="cpu").identity.digest != encoder.identity.digest
    )
    with pytest.raises(UsageError, match="computes in float32"):
        load_backbone("builtin-text", device="cpu", dtype="bfloat16")
    assert (encoder.kind, encoder.identity.architecture) == ("texts", "hashed-ngrams/1")
