from __future__ import annotations

import torch

from preforget.backbones import Encoder
from preforget.backbones.vectors import vector_encoder
from preforget.engines.block_scorer import BlockScorer
from preforget.engines.isolated import scorer_of
from preforget.engines.options import Isolated
from preforget.engines.vector_scorer import VectorScorer


def test_the_encoder_decides_how_a_class_is_scored(tiny_encoder: Encoder) -> None:
    assert isinstance(scorer_of(tiny_encoder, Isolated()), BlockScorer)
    assert isinstance(scorer_of(vector_encoder(3), Isolated()), VectorScorer)


def test_only_some_have_a_cheap_score_for_shortlists() -> None:
    assert scorer_of(vector_encoder(3), Isolated()).cheap_scores({}, torch.zeros(1, 1, 2, 3)) is None
