from __future__ import annotations

import pytest

from preforget.backbones import Encoder
from preforget.core.errors import DataError
from preforget.engines.base import Session
from preforget.engines.exact import ExactEngine
from preforget.engines.options import Exact
from preforget.engines.pair_learning import learn_prompts
from preforget.engines.pair_records import has_prompt

from .conftest import learnable


def test_only_the_pairs_that_are_asked_for_get_prompts(tiny_encoder: Encoder) -> None:
    names = ["ant", "bee", "cat"]
    train = learnable(names, 6, 0)
    engine = ExactEngine(tiny_encoder, Exact(levels=1, steps=2, images_per_class=2, lora_rank=1))
    engine.learn(train, learnable(names, 2, 1), Session())
    learn_prompts(tiny_encoder, engine.recipe, engine.bank, train, [("ant", "cat")], Session())
    prompted = [pair for pair, record in engine.bank.pairs.items() if has_prompt(record)]
    assert prompted == [("ant", "cat")]
    with pytest.raises(DataError, match="hold none of 'cat'"):
        learn_prompts(
            tiny_encoder, engine.recipe, engine.bank, train.without("cat"), [("bee", "cat")], Session()
        )
