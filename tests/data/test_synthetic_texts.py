from __future__ import annotations

import re

import numpy as np

from preforget.data import load_data
from preforget.data.synthetic_texts import PHRASES, WORDS, load_texts, message


def test_every_gap_is_filled() -> None:
    gaps = {
        gap for phrases in PHRASES.values() for phrase in phrases for gap in re.findall(r"{(\w+)}", phrase)
    }
    assert gaps == set(WORDS)
    rng = np.random.default_rng(0)
    assert not any("{" in message(kind, rng) for kind in PHRASES for _ in range(50))


def test_different_messages_by_name_and_seed() -> None:
    data = load_data("texts")
    assert (len(data.classes), len(data.train), len(data.validation), len(data.test)) == (10, 540, 140, 220)
    every = [text for part in (data.train, data.validation, data.test) for text in part.inputs.values]
    assert len(set(every)) >= 890  # a message may be of two kinds by chance
    assert (
        load_texts(1, each=5).train.inputs.values.tolist()
        != load_texts(2, each=5).train.inputs.values.tolist()
    )
